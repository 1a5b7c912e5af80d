"""The rules that the sources keep, as tables. tests/lint/lint.py reads the tree against them."""

# Folder (longest prefix wins) -> project folders it may include, and third-party header prefixes allowed there.
# In a pair, the second list holds for .cpp files only: a header must not hand its library on.
STD_C = {
    "cassert", "cctype", "cerrno", "cinttypes", "climits", "cmath", "csignal", "cstddef", "cstdint", "cstdio",
    "cstdlib", "cstring", "ctime",
}
INCLUDES = {
    "hal/base": {"project": ["hal/base"], "third": []},
    "hal": {"project": ["hal"], "third": []},
    "drivers": {"project": ["hal"], "third": []},
    "drivers/image": {"project": ["hal", "drivers/image"], "third": []},
    "drivers/floppy": {"project": ["hal", "drivers/floppy"], "third": []},
    "drivers/usb": {"project": ["hal", "drivers/usb"], "third": ["libusb.h"]},
    "drivers/smartcard": {"project": ["hal", "drivers/smartcard"], "third": ["winscard.h"]},
    "drivers/mock": {"project": ["hal", "drivers/mock"], "third": []},
    "kms": {"project": ["hal/base", "kms"], "third": ["openssl/", "sqlite3.h", "boost/json"]},
    "daemon": {
        "project": ["hal", "kms", "daemon", "drivers/builtin.h"],
        "third": ["boost/program_options", "boost/json", "openssl/", "spdlog/", "systemd/", "prometheus/", "uninorm.h"],
    },
    "daemon/media": {"project": ["hal", "daemon/media"], "third": ["dlfcn.h"]},
    "daemon/http": {
        "project": ["hal", "kms", "daemon"],
        "third": ["boost/json", "boost/asio", "boost/beast", "openssl/"],
    },
    "udev": {"project": ["hal", "udev"], "third": []},
    "tests": {
        "project": ["hal", "drivers", "kms", "daemon", "udev", "tests"],
        "third": ["gtest/", "gmock/", "openssl/", "sqlite3.h", "boost/", "benchmark/"],
    },
}
# kms and hal know nothing of these, whatever their folder may include.
NETLINK_FILES = {"hal/uevent.cpp"}
ASIO_FILES_MOST = 5

FILE_LINES_MOST = 400
FILE_LINES_MEDIAN = 150
FUNCTION_LINES_MOST = 60

# Pattern (on code without comments and strings) -> why; and the places where it may stand.
FORBIDDEN = [
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|tmpnam|mktemp)\s*\(", "unbounded or unsafe C function", []),
    (r"\b(atoi|atol|atoll|atof)\s*\(", "no error can be told: std::from_chars", []),
    (r"\b(system|popen)\s*\(", "a shell: start programs with their arguments", []),
    (r"\b(rand|srand|random)\s*\(", "not random: base::Rng", []),
    (r"\bmemset\s*\(", "the compiler may drop it: base::wipe", []),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w.])sleep\s*\(", "wait for a condition with a deadline", []),
    (r"\bgetenv\s*\(", "no switches in the environment",
     ["tests/support/setting.cpp", "daemon/credentials.cpp"]),
    (r"\b(memcmp|bcmp)\s*\(", "compare in constant time or with std::equal", []),
    (r"\bstd::(cout|cerr|clog)\b", "hal, drivers and kms do not print or log", ["daemon/", "tests/", "udev/"]),
    (r"\bgoto\b", "structured control flow", []),
    (r"\busing namespace (?!std::\w*literals\b)", "name what you use",
     ["tests/"]),
    (r"\b(reinterpret_cast)<(?!const char\*|char\*|std::byte\*|const std::byte\*|unsigned char\*|const unsigned char\*"
     r"|const std::uint8_t\*|std::uint8_t\*|sockaddr\*|const sockaddr\*|void\*|std::uintptr_t|std::uint64_t)",
     "bytes and socket addresses only", ["tests/"]),
]
UNFINISHED = r"\b(TODO|FIXME|XXX|HACK|BOOTSTRAP)\b"
