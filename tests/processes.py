"""Commands of the suite as processes of their own."""

import os
import subprocess
import sys
from pathlib import Path


def started(where: Path, *arguments: str) -> subprocess.Popen[str]:
    """`suite ARGUMENTS`, in the folder `where` and with a cache there; all it prints is piped."""
    environment = {**os.environ, "SUITE_CACHE": str(where / "cache"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "suite", *arguments],
        cwd=where,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
