// Drivers, files and directories that kmsd-media does not load from: each is one clear line that names it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>

#include "tests/plugin/plugin_dir.h"

namespace tests {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kStranger = 65534;

// One line on stderr, with all of these in it.
void expectRefused(const Ran& ran, int exit, const std::vector<std::string>& says) {
  EXPECT_EQ(ran.exit, exit);
  EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  for (const std::string& words : says) EXPECT_THAT(ran.err, HasSubstr(words));
}

class Refusal : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has a directory that drivers are loaded from";
  }
  Ran list(const std::filesystem::path& dir) const {
    return kmsd({"medium", "list", "--medium", "image:/nowhere", "--driver-dir", dir.string()});
  }
  Ran list() const { return list(drivers_.path()); }
  std::string put(const std::string& name) const {
    const std::string path = drivers_ / name;
    std::ofstream(path) << "no driver";
    ::chmod(path.c_str(), 0644);
    return path;
  }
  PluginDir drivers_;
};

TEST_F(Refusal, WhatIsSoundIsTaken) {
  EXPECT_EQ(list().exit, 0);  // nothing in it
  put("readme.txt");
  put(".hidden.so");
  EXPECT_EQ(list().exit, 0);
  drivers_.build("faulty.so", "faulty.cpp");
  EXPECT_THAT(list().out, HasSubstr("a driver with a fault"));
  drivers_.build("second.so", "faulty.cpp", {"-DFAULT_SCHEME=\"second\""});
  EXPECT_THAT(list().out, HasSubstr("second:"));
  EXPECT_THAT(list(drivers_.path() / "").out, HasSubstr("second:"));
}

TEST_F(Refusal, OfDirectories) {
  const std::string dir = drivers_.path();
  ASSERT_EQ(::chown(dir.c_str(), kStranger, 0), 0);
  expectRefused(list(), 6, {dir + " belongs to user 65534", "chown root " + dir});
  ASSERT_EQ(::chown(dir.c_str(), 0, 0), 0);
  for (const mode_t mode : {0775, 0757, 01777}) {
    ::chmod(dir.c_str(), mode);
    expectRefused(list(), 6, {dir + " may be written by others", "chmod go-w " + dir});
  }
  ::chmod(dir.c_str(), 0755);
  const std::string above = drivers_.path().parent_path();
  ::chmod(above.c_str(), 0775);
  expectRefused(list(), 6, {above + " may be written by others", "put them into a directory such as"});
  ::chmod(above.c_str(), 0755);
  const Scratch inTmp;
  expectRefused(list(inTmp.path()), 6, {"/tmp may be written by others than root (mode 1777)"});
  const std::filesystem::path link = drivers_.path().parent_path() / "link";
  std::filesystem::create_directory_symlink(drivers_.path(), link);
  expectRefused(list(link), 6, {link.string() + " is a symbolic link"});
  std::filesystem::create_directory(drivers_ / "inner");
  expectRefused(list(link / "inner"), 6, {link.string() + " is a symbolic link"});
  expectRefused(list(drivers_ / "none"), 2, {(drivers_ / "none").string() + " is not there"});
  expectRefused(list(put("file")), 6, {(drivers_ / "file").string() + " is no directory"});
}

TEST_F(Refusal, OfFiles) {
  const std::string file = put("some.so");
  ASSERT_EQ(::chown(file.c_str(), kStranger, 0), 0);
  expectRefused(list(), 6, {file + " belongs to user 65534", "chown root " + file});
  ASSERT_EQ(::chown(file.c_str(), 0, 0), 0);
  for (const mode_t mode : {0664, 0646}) {
    ::chmod(file.c_str(), mode);
    expectRefused(list(), 6, {file + " may be written by others", "chmod go-w " + file});
  }
  ::chmod(file.c_str(), 0644);
  expectRefused(list(), 6, {file + " cannot be loaded"});
  std::filesystem::remove(file);
  std::filesystem::create_symlink("/lib/x86_64-linux-gnu/libc.so.6", file);
  expectRefused(list(), 6, {file + " is a symbolic link"});
  std::filesystem::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0644), 0);
  expectRefused(list(), 6, {file + " is no regular file"});
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  expectRefused(list(), 6, {file + " is no regular file"});
}

struct Fault {
  const char* name;
  std::vector<std::string> flags;
  const char* says;
};

class Faulty : public Refusal, public ::testing::WithParamInterface<Fault> {};

TEST_P(Faulty, IsToldByItsName) {
  const std::string file = drivers_.build("faulty.so", "faulty.cpp", GetParam().flags);
  const Ran ran = kmsd({"medium", "list", "--medium", "faulty:", "--driver-dir", drivers_.path().string()});
  expectRefused(ran, 6, {"the driver " + file, GetParam().says});
}

const Fault kFaults[] = {
    {"abi", {"-DFAULT_ABI=1"}, "was built for another version of keydisk (ABI 1,"},
    {"entry", {"-DFAULT_NO_ENTRY"}, "has no function keydisk_driver_1()"},
    {"symbol", {"-DFAULT_LOAD=extern int absent(); absent()"}, "cannot be loaded: undefined symbol"},
    {"taken", {"-DFAULT_SCHEME=\"image\""}, "brings the scheme 'image', which is there already"},
    {"prompt", {"-DFAULT_SCHEME=\"prompt\""}, "which is there already"},
    {"scheme", {"-DFAULT_SCHEME=\"Not this\""}, "has no proper scheme"},
    {"thread", {"-DFAULT_LOAD=std::thread(hang).detach()"}, "starts a thread when it is loaded"},
    {"loadThrows", {"-DFAULT_LOAD=throw 1"}, "crashed"},
    {"loadCrashes", {"-DFAULT_LOAD=crash()"}, "crashed"},
    {"makeThrows", {"-DFAULT_MAKE=throw std::runtime_error(\"no\\nluck\")"}, "failed: no?luck"},
    {"makeThrowsAnything", {"-DFAULT_MAKE=throw 1"}, "failed with an exception"},
    {"makeCrashes", {"-DFAULT_MAKE=crash()"}, "crashed"},
    {"makeAborts", {"-DFAULT_MAKE=std::terminate()"}, "crashed"},
    {"makeRecurses", {"-DFAULT_MAKE=recurse(0)", "-Wno-infinite-recursion"}, "crashed"},
    {"makeHangs", {"-DFAULT_MAKE=hang()"}, "hangs"},
    {"makesNothing", {"-DFAULT_MAKE=return std::unique_ptr<hal::Driver>()"}, "made no driver"},
};

INSTANTIATE_TEST_SUITE_P(All, Faulty, ::testing::ValuesIn(kFaults),
                         [](const auto& at) { return std::string(at.param.name); });

TEST_F(Refusal, EndsTheServerAndSetupToo) {
  const std::string file = drivers_.build("faulty.so", "faulty.cpp", {"-DFAULT_ABI=1"});
  const Scratch scratch;
  const std::string data = (scratch / "data").string();
  const std::string image = "image:" + (scratch / "key.img").string();
  const std::string dir = drivers_.path();
  expectRefused(kmsd({"setup", "--data-dir", data, "--medium", image, "--driver-dir", dir}), 6, {file});
  ASSERT_EQ(kmsd({"setup", "--data-dir", data, "--medium", image, "--backup-medium", image + "2"}).exit, 0);
  const Ran ran = kmsd({"run", "--data-dir", data, "--medium", image, "--driver-dir", dir, "--listen",
                        "unix:" + (scratch / "kms.sock").string()});
  EXPECT_EQ(ran.exit, 6);
  EXPECT_THAT(ran.err, HasSubstr("the driver " + file + " was built for another version of keydisk"));
}

}  // namespace
}  // namespace tests
