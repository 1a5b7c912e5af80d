#!/usr/bin/env python3
"""Reads the tree against tests/lint/rules.py. Prints `path:line: what is wrong` and exits 1, or nothing and 0.

With --self-test it first proves that each kind of rule finds its fault in a made-up tree.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile

import rules

SOURCES = (".cpp", ".h")
INCLUDE = re.compile(r"^\s*#\s*(?:include|include_next|import)\b\s*(.*)$")
HAS_INCLUDE = re.compile(r"__has_include\s*\(\s*[<\"]([^>\"]+)[>\"]")


def tree_files(root):
    """Files git knows or would add; every file where there is no git."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if listed.returncode == 0:
        return sorted(f for f in set(listed.stdout.split("\n")) if f and os.path.exists(os.path.join(root, f)))
    found = []
    for folder, _, names in os.walk(root):
        found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(found)


def strip_code(text):
    """Blanks out comments, strings and character literals, keeping the lines."""
    pattern = re.compile(
        r"//[^\n]*|/\*.*?\*/|R\"([^(\s]*)\(.*?\)\1\"|\"(?:\\.|[^\"\\\n])*\"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'", re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def folder_rule(path):
    best = max((f for f in rules.INCLUDES if path.startswith(f + "/")), key=len, default=None)
    return rules.INCLUDES.get(best)


def under(name, prefixes):
    return any(name == p or name.startswith(p if p.endswith(("/", ".h")) else p + "/") or
               (p.startswith("boost/") and name.startswith(p)) for p in prefixes)


def is_standard(name):
    """The C++ library (no dot), libc and kernel headers."""
    system = ("sys/", "linux/", "netinet/", "arpa/", "net/", "bits/")
    plain = {"assert.h", "ctype.h", "dirent.h", "errno.h", "fcntl.h", "fnmatch.h", "getopt.h", "grp.h", "limits.h", "malloc.h",
             "poll.h", "pthread.h", "pwd.h", "sched.h", "signal.h", "spawn.h", "stdint.h", "stdio.h", "stdlib.h",
             "pty.h", "string.h", "strings.h", "termios.h", "time.h", "unistd.h", "elf.h", "netdb.h"}
    return ("." not in name and "/" not in name) or name in plain or name.startswith(system)


def check_include(path, name, found):
    """One include of `path`; problems go to found(text)."""
    rule = folder_rule(path)
    if rule is None:
        return
    top = name.split("/")[0]
    if name.startswith(".") or "/../" in name:
        found(f"includes {name} by a relative path")
    elif top in ("hal", "drivers", "kms", "daemon", "tests", "udev") and "/" in name:
        if not under(name, rule["project"]):
            found(f"may not include {name}")
    elif is_standard(name):
        netlink = name in ("linux/netlink.h", "linux/filter.h") and path.startswith(("kms/", "drivers/"))
        if netlink:
            found(f"may not include {name}")
    elif not under(name, rule["third"]):
        found(f"may not include third-party {name}")
    elif path.endswith(".h") and not path.startswith("tests/"):
        found(f"includes third-party {name} in a header")


def check_includes(path, text, report):
    stripped_lines = strip_code(text).split("\n")
    for number, line in enumerate(text.split("\n"), 1):
        def found(what, number=number):
            report(path, number, what)
        for name in HAS_INCLUDE.findall(line):
            check_include(path, name, found)
        match = INCLUDE.match(line)
        if not match or not INCLUDE.match(stripped_lines[number - 1]):
            continue
        target = re.match(r"[<\"]([^>\"]+)[>\"]", match.group(1))
        if target is None:
            found("includes by a macro")
        else:
            check_include(path, target.group(1), found)


def check_functions(path, text, report):
    """Functions at namespace scope, as clang-format lays them out: from column 0 to a closing brace in column 0."""
    start = None
    for number, line in enumerate(strip_code(text).split("\n"), 1):
        opens = line.rstrip().endswith("{") and not line.startswith((" ", "}"))
        if opens and re.match(r"(namespace|class|struct|enum|union|extern)\b", line) is None and "(" in line:
            start = number
        elif line.startswith("}") and start is not None:
            if number - start + 1 >= rules.FUNCTION_LINES_MOST:
                report(path, start, f"function of {number - start + 1} lines, {rules.FUNCTION_LINES_MOST - 1} at most")
            start = None


def check_forbidden(path, text, report):
    stripped = strip_code(text)
    for pattern, why, allowed in rules.FORBIDDEN:
        if any(path.startswith(a) for a in allowed):
            continue
        for match in re.finditer(pattern, stripped):
            report(path, stripped.count("\n", 0, match.start()) + 1, f"{match.group().strip()}: {why}")
    if path.startswith("tests/"):
        for match in re.finditer(r"GTEST_SKIP\(\)\s*;", stripped):
            report(path, stripped.count("\n", 0, match.start()) + 1, "a skip without a reason")


def check_words(root, path, text, report):
    for pattern, what in [(rules.UNFINISHED, "unfinished"), (re.escape(root) + "/", "names this machine")]:
        for match in re.finditer(pattern, text):
            report(path, text.count("\n", 0, match.start()) + 1, f"{what}: {match.group()}")


def check_tree(root):
    problems = []

    def report(path, line, what):
        problems.append(f"{path}:{line}: {what}")

    lengths = []
    asio = []
    for path in tree_files(root):
        if path.startswith(("build", ".git/")) or path.startswith("tests/lint/"):
            continue
        try:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = file.read()
        except UnicodeDecodeError:
            report(path, 1, "not UTF-8 text; no binaries")
            continue
        if path != ".ci/run":
            check_words(root, path, text, report)
        lines = text.count("\n")
        if path.endswith(SOURCES + (".py", ".sh")):
            lengths.append(lines)
            if lines > rules.FILE_LINES_MOST:
                report(path, rules.FILE_LINES_MOST, f"{lines} lines, {rules.FILE_LINES_MOST} at most")
        if path.endswith(SOURCES):
            check_includes(path, text, report)
            check_functions(path, text, report)
            check_forbidden(path, text, report)
            if re.search(r"include\s*<boost/(asio|beast)", text) and not path.startswith("tests/"):
                asio.append(path)
    if len(asio) > rules.ASIO_FILES_MOST:
        report(asio[-1], 1, f"Asio in {len(asio)} files, {rules.ASIO_FILES_MOST} at most")
    if lengths and statistics.median(lengths) > rules.FILE_LINES_MEDIAN:
        report(".", 0, f"median of {statistics.median(lengths)} lines a file, {rules.FILE_LINES_MEDIAN} at most")
    return problems


# What each made-up file must be blamed for; an empty expectation must pass.
SELF_TEST = [
    ("kms/a.cpp", '#include "hal/driver.h"\n', "may not include hal/driver.h"),
    ("kms/b.cpp", "#  include <hal/driver.h>\n", "may not include hal/driver.h"),
    ("kms/c.h", "#include <openssl/evp.h>\n", "in a header"),
    ("hal/d.cpp", "#include <openssl/evp.h>\n", "third-party openssl/evp.h"),
    ("hal/e.cpp", '#include "../kms/store/store.h"\n', "relative path"),
    ("hal/f.cpp", "#if __has_include(<sqlite3.h>)\n#endif\n", "third-party sqlite3.h"),
    ("hal/g.cpp", "#define X <vector>\n#include X\n", "by a macro"),
    ("hal/h.cpp", "// memset(a)\nvoid f() { memset(a, 0, 1); }\n", "h.cpp:2: memset("),
    ("hal/i.cpp", 'const char* x = "memset(";\n', ""),
    ("hal/j.cpp", "void f(int a) {\n" + "  a++;\n" * 60 + "}\n", "function of 62 lines"),
    ("hal/k.cpp", "int a;\n" * 401, "401 lines"),
    ("tests/l.cpp", "void f() { GTEST_SKIP(); }\n", "skip without a reason"),
    ("README.md", "see {root}/hal/x\n", "names this machine"),
    ("drivers/image/m.cpp", '#include "drivers/floppy/driver.h"\n', "may not include drivers/floppy/driver.h"),
    ("hal/n.cpp", "#include <vector>\n#include <sys/stat.h>\n#include \"hal/base/result.h\"\n", ""),
    ("hal/o.cpp", "// TO" + "DO later\n", "unfinished"),
]


def self_test():
    with tempfile.TemporaryDirectory() as root:
        for path, text, _ in SELF_TEST:
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text.replace("{root}", root))
        problems = check_tree(root)
    failures = []
    for path, _, expected in SELF_TEST:
        mine = [p for p in problems if p.startswith(path + ":")]
        if (expected and not any(expected in p for p in mine)) or (not expected and mine):
            failures.append(f"lint self-test: {path}: expected {expected!r}, found {mine}")
    return failures


def main():
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
    problems = self_test() if "--self-test" in sys.argv else []
    problems += check_tree(root)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
