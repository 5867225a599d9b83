"""The packages of Colab's runtime, as runtime.txt pins them, and whether Colab has moved on since.

    python -m course.colab.pins [--freeze FILE]

Compares the pins with the list of packages that Colab publishes, downloaded or in a file, and names each that differs.
"""

import argparse
import re
import sys
import urllib.request
from pathlib import Path

FILE = Path(__file__).with_name("runtime.txt")
PUBLISHED = "https://raw.githubusercontent.com/googlecolab/backend-info/main/"


def pins(text: str | None = None) -> list[str]:
    """The pins, such as ``torch==2.11.0``, one for each package."""
    lines = (FILE.read_text(encoding="utf-8") if text is None else text).splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def python() -> str:
    """The version of Colab's Python, such as 3.13."""
    named = re.search(r"Python (\d+\.\d+)", FILE.read_text(encoding="utf-8"))
    if named is None:
        raise ValueError(f"{FILE.name} names no Python: write the version that Colab has, such as 'Python 3.13'.")
    return named[1]


def differences(freeze: str) -> list[str]:
    """A line for each pin that ``freeze``, what pip lists of a runtime, does not hold as it is."""
    there = {}
    for line in freeze.splitlines():
        # torch comes from an address: "torch @ https://…/torch-2.11.0%2Bcpu-cp313-….whl"
        if match := re.match(r"([\w.-]+)(?:==| @ \S*/\w+-)(\d[\w.]*)", line):
            there[match[1].lower()] = match[2]
    pinned = (pin.split("==") for pin in pins())
    return [
        f"{name} {version} is pinned, and Colab has {there.get(name.lower(), 'none')}"
        for name, version in pinned
        if there.get(name.lower()) != version
    ]


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns 1 where Colab has moved on."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--freeze", type=Path, help="a list of packages, in place of the one that Colab publishes")
    args = parser.parse_args(arguments)
    if args.freeze:
        freeze = args.freeze.read_text(encoding="utf-8")
    else:
        with urllib.request.urlopen(f"{PUBLISHED}pip-freeze.txt", timeout=60) as answer:
            freeze = answer.read().decode()
    lines = differences(freeze)
    print("\n".join(lines) or f"Colab's runtime is the one that {FILE.name} pins.")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
