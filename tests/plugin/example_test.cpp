// A driver that was built apart from keydisk opens a server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <regex>
#include <sstream>

#include "hal/base/bytes.h"
#include "hal/base/crc32.h"
#include "hal/driver_plugin.h"
#include "tests/plugin/plugin_dir.h"
#include "tests/support/disks.h"
#include "tests/support/server.h"

namespace tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string readAll(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A header's code behind that of what it includes; without comments and blanks.
void addCode(const std::string& header, std::vector<std::string>& seen, std::string& code) {
  if (header == "hal/base/reason.h" || std::ranges::find(seen, header) != seen.end()) return;
  seen.push_back(header);
  const std::string text = readAll(std::filesystem::path(KEYDISK_SOURCE_DIR) / header);
  ASSERT_FALSE(text.empty()) << header;
  const std::regex include("#include \"([^\"]+)\"");
  for (std::sregex_iterator at(text.begin(), text.end(), include), end; at != end; ++at)
    addCode((*at)[1], seen, code);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    for (const char letter : line.substr(0, line.find("//")))
      if (std::isspace(static_cast<unsigned char>(letter)) == 0) code += letter;
}

TEST(Plugin, TheAbiNumberIsThatOfTheHeaders) {
  std::vector<std::string> seen;
  std::string code;
  addCode("hal/driver.h", seen, code);
  std::ostringstream number;
  number << "0x" << std::hex << std::setw(8) << std::setfill('0') << base::crc32(base::asBytes(code));
  std::ostringstream is;
  is << "0x" << std::hex << std::setw(8) << std::setfill('0') << hal::kDriverAbi;
  EXPECT_EQ(is.str(), number.str())
      << "what drivers share has changed: set kDriverAbi in hal/driver_plugin.h to " << number.str();
}

class Example : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has a directory that drivers are loaded from";
    driver_ = drivers_.build("example.so", "example.cpp");
    server_.setUp();
    key_ = (server_.safe() / "key.txt").string();
    std::ofstream(key_) << readKeyText(server_.safe() / "key.img");
    std::filesystem::permissions(key_, std::filesystem::perms::owner_read);
  }

  PluginDir drivers_;
  std::string driver_;
  Server server_;
  std::string key_;
};

TEST_F(Example, OpensAServer) {
  server_.startWith({"--driver-dir", drivers_.path().string(), "--medium", "example:" + key_});
  server_.expectState("unsealed", "");
  EXPECT_THAT(server_.ctl({"media"}).out, HasSubstr("example:" + key_));
  // It is in kmsd-media, and in nothing else.
  EXPECT_THAT(readAll("/proc/" + std::to_string(server_.readerPid()) + "/maps"), HasSubstr(driver_));
  EXPECT_THAT(readAll("/proc/" + std::to_string(server_.pid()) + "/maps"), Not(HasSubstr("example.so")));
  EXPECT_EQ(server_.stop(), 0);
}

TEST_F(Example, ServesTheVerbsThatLookAtMedia) {
  const std::string uri = "example:" + key_;
  const std::string dir = drivers_.path().string();
  EXPECT_THAT(kmsd({"medium", "list", "--driver-dir", dir}).out, HasSubstr("example:/PATH"));
  EXPECT_EQ(kmsd({"medium", "check", uri, "--driver-dir", dir, "--data-dir", server_.data().string()}).exit,
            0);
  const std::string copy = (server_.safe() / "copy.img").string();
  const Ran copied = kmsd({"medium", "copy", uri, "image:" + copy, "--driver-dir", dir});
  EXPECT_EQ(copied.exit, 0) << copied.err;
  EXPECT_EQ(readKeyText(copy) + "\r\n", readAll(key_));  // what reads secret files takes the last newline off
  const Ran written =
      kmsd({"medium", "copy", "image:" + copy, uri, "--driver-dir", dir, "--destroy-key", "unnamed"});
  EXPECT_NE(written.exit, 0);
  EXPECT_EQ(kmsd({"medium", "check", "example:key.txt", "--driver-dir", dir}).exit, 2);
  const Ran without = kmsd({"medium", "check", uri});
  EXPECT_EQ(without.exit, 2);
  EXPECT_THAT(without.err, HasSubstr("names no medium"));
}

TEST_F(Example, MayBeNamedInTheConfigurationFile) {
  const std::string file = (server_.safe() / "kmsd.conf").string();
  std::ofstream(file) << "driver-dir=" << drivers_.path().string() << "\n";
  EXPECT_EQ(kmsd({"medium", "check", "example:" + key_, "--config", file}).exit, 0);
}

}  // namespace
}  // namespace tests
