// kmsd and kmsd-media apart from each other: what each is made of, and that a kmsd-media in an attacker's
// hands is nobody at the server's own socket.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/server.h"

namespace tests {
namespace {

const std::string kKmsd = KEYDISK_BINARY_DIR "/kmsd";
const std::string kMedia = KEYDISK_BINARY_DIR "/kmsd-media";

std::string said(const std::vector<std::string>& command) {
  const Ran ran = run(command);
  EXPECT_EQ(ran.exit, 0) << command.front() << ": " << ran.err;
  return ran.out;
}

// Those of `words` that are in `text`.
std::string met(const std::string& text, std::initializer_list<const char*> words) {
  std::string all;
  for (const char* word : words)
    if (text.find(word) != std::string::npos) all += std::string(word) + " ";
  return all;
}

std::string readAll(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(TwoPrograms, TheServerLoadsNoLibraryOfADevice) {
  EXPECT_EQ(met(said({"ldd", kKmsd}), {"usb", "pcsc", "udev"}), "");
  EXPECT_EQ(met(said({"ldd", kMedia}), {"ssl", "crypto", "sqlite", "systemd", "boost"}), "");
  EXPECT_NE(met(said({"ldd", kKmsd}), {"libcrypto"}), "");
}

TEST(TwoPrograms, TheServerHoldsNoDriverAndNoParserOfAMedium) {
  const std::string server = said({"nm", "-C", "--defined-only", kKmsd});
  EXPECT_EQ(
      met(server, {"drivers::", "hal::FatVolume", "hal::readKeyDisk", "hal::readPartitions",
                   "hal::makeFileBlockDevice", "hal::Registry", "hal::ReaderService", "kmsd::media::shield"}),
      "");
  EXPECT_NE(met(server, {"kms::Vault"}), "");
  const std::string media = said({"nm", "-C", "--defined-only", kMedia});
  EXPECT_EQ(met(media, {" kms::", "kmsd::http", "asio", "SSL_CTX"}), "");
  EXPECT_NE(met(media, {"drivers::"}), "");
}

TEST(TwoPrograms, AServerThatRunsHasMappedNone) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may look into kmsd";
  Server server;
  server.setUp();
  server.insert("key.img");
  server.start();
  server.expectState("unsealed", "");
  const std::string maps = readAll("/proc/" + std::to_string(server.pid()) + "/maps");
  EXPECT_NE(met(maps, {"/kmsd"}), "");
  EXPECT_EQ(met(maps, {"libusb", "libpcsclite", "libudev"}), "");
  const std::string reader = readAll("/proc/" + std::to_string(server.readerPid()) + "/maps");
  EXPECT_NE(met(reader, {"/kmsd-media"}), "");
  EXPECT_EQ(met(reader, {"libssl", "libcrypto", "libsqlite", "libboost"}), "");
}

// The user is an administrator on that socket; each attempt comes from the very process that kmsd started.
TEST(TwoPrograms, AReaderThatComesToTheServersSocketGetsNothing) {
  Server server;
  server.setUp();
  const std::string socket = server.socket().string();
  const std::string got = (server.safe() / "got").string();
  const std::string ask = "-s --unix-socket '" + socket + "' http://kms/v1/status http://kms/v1/health";
  server.replaceReader("greet; while ! [ -S '" + socket + "' ]; do sleep 0.05; done; echo $$ >>'" + got +
                       "'; exec curl -w 'code %{http_code}\\n' " + ask + " >>'" + got + "'");
  server.startWith({"--medium", "card:"});
  ASSERT_TRUE(waitUntil([&] { return server.log().find("break-in attempt") != std::string::npos; }))
      << server.log();
  // Anybody else who asks the same is answered.
  EXPECT_NE(said({"sh", "-c", "exec curl " + ask}).find("\"sealed\""), std::string::npos);
  ASSERT_TRUE(waitUntil([&] { return readAll(got).find("code") != std::string::npos; }));
  server.stop();
  std::set<std::string> pids;
  std::set<std::string> told;
  std::istringstream lines(readAll(got));
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of("0123456789") == std::string::npos)
      pids.insert(line);
    else
      EXPECT_EQ(line, "code 000");
  }
  std::istringstream log(server.log());
  for (std::string line; std::getline(log, line);) {
    const auto at = line.find("break-in attempt: kmsd-media (process ");
    if (at == std::string::npos) continue;
    const std::string pid = line.substr(at + 38, line.find(')', at) - at - 38);
    EXPECT_TRUE(pids.contains(pid)) << line;
    EXPECT_TRUE(told.insert(pid).second) << "told twice: " << line;
  }
  EXPECT_FALSE(told.empty());
}

}  // namespace
}  // namespace tests
