#include "tests/plugin/plugin_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <iterator>
#include <sstream>

namespace tests {
namespace {

std::string said(const std::vector<std::string>& command) {
  const Ran ran = run(command);
  EXPECT_EQ(ran.exit, 0) << command.front() << ": " << ran.err;
  return ran.out;
}

// What pkg-config says of the headers, which are installed here.
std::vector<std::string> installedFlags() {
  static const Scratch prefix;
  said({"cmake", "--install", KEYDISK_BINARY_DIR, "--prefix", prefix.path().string(), "--component",
        "driver"});
  std::istringstream words(said({"env", "PKG_CONFIG_PATH=" + (prefix / "share/pkgconfig").string(),
                                 "pkg-config", "--cflags", "keydisk-driver"}));
  return {std::istream_iterator<std::string>(words), {}};
}

}  // namespace

void buildDriver(const std::string& source, const std::vector<std::string>& flags,
                 const std::filesystem::path& to) {
  static const std::vector<std::string> installed = installedFlags();
  std::vector<std::string> command = {KEYDISK_CXX, "-shared", "-Wall", "-Wextra", "-o", to.string()};
  command.insert(command.end(), installed.begin(), installed.end());
  command.insert(command.end(), flags.begin(), flags.end());
  command.push_back(KEYDISK_SOURCE_DIR "/tests/plugin/example/" + source);
  said(command);
  // The headers that it was built with are the installed ones.
  for (const std::string& flag : command) EXPECT_NE(flag, "-I" KEYDISK_SOURCE_DIR);
}

PluginDir::PluginDir() {
  std::filesystem::create_directory(path_);
  ::chmod(scratch_.path().c_str(), 0755);
  ::chmod(path_.c_str(), 0755);
}

std::string PluginDir::build(const std::string& name, const std::string& source,
                             const std::vector<std::string>& flags) const {
  const std::string to = path_ / name;
  buildDriver(source, flags, to);
  ::chmod(to.c_str(), 0644);
  return to;
}

Ran kmsd(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), KEYDISK_BINARY_DIR "/kmsd");
  return run(arguments);
}

}  // namespace tests
