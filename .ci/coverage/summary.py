"""Prints what the tests have run: `python summary.py FOLDER`, from what `sitecustomize.py` noted.

Files that no process imported count as not run.
"""

import json
import sys
from pathlib import Path

from slipcover import Slipcover, merge_coverage

LEAST = 10


def main(folder: Path) -> None:
    """Print the share of all lines, and the files of which the least is covered."""
    total = Slipcover(source=["suite", "baselines"]).get_coverage()
    for path in sorted(folder.glob("*.json")):
        merge_coverage(total, json.loads(path.read_text()))
    whole = total["summary"]
    share, lines = whole["percent_covered"], whole["covered_lines"] + whole["missing_lines"]
    print(f"The tests run {share:.1f} % of {lines:,} lines. Least covered:")
    files = sorted(total["files"].items(), key=lambda item: item[1]["summary"]["percent_covered"])
    for name, file in files[:LEAST]:
        missing = file["summary"]["missing_lines"]
        print(f"{file['summary']['percent_covered']:5.1f} %  {name}, {missing} lines missing")
    (folder / "missing.txt").write_text(
        "".join(f"{name}: {file['missing_lines']}\n" for name, file in sorted(files))
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
