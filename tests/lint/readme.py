#!/usr/bin/env python3
"""Holds README.md's table of commands to what the programs say: readme.py BUILD-DIRECTORY [--fix]."""

import os
import re
import subprocess
import sys

START = "<!-- commands: written by tests/lint/readme.py -->"
END = "<!-- end of commands -->"


def verbs(program):
    """(verb, summary) pairs of a program's --help."""
    text = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    section = text.split("Verbs:\n")[1].split("\n\n")[0]
    return [re.match(r"  (\S+(?: \S+)*?)  +(.*)", line).groups() for line in section.split("\n")]


def table(build):
    rows = ["| command | what it does |", "|---|---|"]
    for name in ("kmsd", "kmsctl"):
        rows += [f"| `{name} {verb}` | {summary} |" for verb, summary in verbs(os.path.join(build, name))]
    return "\n".join(rows)


def main():
    readme = os.path.join(os.path.dirname(__file__), "..", "..", "README.md")
    with open(readme, encoding="utf-8") as file:
        text = file.read()
    before, rest = text.split(START)
    after = rest.split(END)[1]
    wanted = f"{before}{START}\n\n{table(sys.argv[1])}\n\n{END}{after}"
    if wanted == text:
        return 0
    if "--fix" in sys.argv:
        with open(readme, "w", encoding="utf-8") as file:
            file.write(wanted)
        return 0
    print(f"README.md: the table of commands is not what the programs say; run tests/lint/readme.py {sys.argv[1]} --fix")
    return 1


if __name__ == "__main__":
    sys.exit(main())
