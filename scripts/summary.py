"""Sum up a test run: a line for each JUnit report in a folder, what was skipped and why, and last the total.

python scripts/summary.py FOLDER
"""

import sys
from pathlib import Path
from xml.etree import ElementTree


def summarise(folder: Path) -> tuple[list[str], int]:
    """The lines to print, and how many tests failed."""
    lines, skips, total = [], [], {"passed": 0, "failed": 0, "skipped": 0}
    for report in sorted(folder.glob("*.xml")):
        counts = dict.fromkeys(total, 0)
        for case in ElementTree.parse(report).iter("testcase"):
            skipped = case.find("skipped")
            failed = case.find("failure") is not None or case.find("error") is not None
            counts["failed" if failed else "passed" if skipped is None else "skipped"] += 1
            if skipped is not None:
                skips.append(f"  skipped {case.get('name')}: {skipped.get('message')}")
        name = report.stem.partition("-")[2].replace("-", " ")
        lines.append(f"  {name}: " + ", ".join(f"{number} {kind}" for kind, number in counts.items()))
        total = {kind: total[kind] + counts[kind] for kind in total}
    closing = "checks: " + ", ".join(f"{number} {kind}" for kind, number in total.items())
    return [*lines, *skips, closing], total["failed"]


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("Name the folder that holds the JUnit reports: python scripts/summary.py FOLDER")
        return 2
    lines, failed = summarise(Path(sys.argv[1]))
    print("\n".join(lines))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
