"""What killed writes left is removed by the next one; nobody else's is."""

import os
import subprocess
import sys

from suite.files import atomic_write


def test_a_write_removes_what_killed_ones_left_of_the_same_file(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    names = {
        "gone": ".[1].md.{pid}-0a0a0a0a.tmp",
        "of another file": ".2.md.{pid}-0a0a0a0a.tmp",
        "alive": f".[1].md.{os.getpid()}-0a0a0a0a.tmp",
        "somebody's": ".[1].md.draft-1.tmp",
        "fresh": ".[1].md.{pid}-0b0b0b0b.tmp",
    }
    process.wait()
    paths = {what: tmp_path / name.format(pid=process.pid) for what, name in names.items()}
    for what, path in paths.items():
        path.write_text("half")
        if what != "fresh":
            os.utime(path, (1e9, 1e9))
    atomic_write(tmp_path / "[1].md", b"whole")
    assert [what for what, path in paths.items() if not path.exists()] == ["gone"]
