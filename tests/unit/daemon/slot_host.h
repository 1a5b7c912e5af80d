// A server with two media in images, and the commands that change its key slots, as they are typed.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/support/programs.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {

class SlotHost : public ::testing::Test {
 protected:
  void SetUp() override {
    const Ran ran = kmsd({"setup", "--data-dir", path("D"), "--medium", image("key.img"), "--backup-medium",
                          image("spare.img"), "--organisation", "Acme", "--no-ca"});
    ASSERT_EQ(ran.exit, 0) << ran.err;
  }
  std::vector<std::string> command(std::vector<std::string> words) const {
    words.insert(words.begin(), leastKmsd());
    words.insert(words.end(), {"--config", "/dev/null"});
    return words;
  }
  Ran kmsd(const std::vector<std::string>& words) const { return run(command(words)); }
  // With the server's data directory.
  std::vector<std::string> on(std::vector<std::string> words) const {
    words.insert(words.end(), {"--data-dir", path("D")});
    return words;
  }
  Ran done(const std::vector<std::string>& words) const {
    Ran ran = kmsd(on(words));
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return ran;
  }
  // One line on stderr; the database and these media are as they were.
  void refused(const std::vector<std::string>& words, int exit, const std::string& what,
               const std::vector<std::string>& media = {"key.img", "spare.img"}) const {
    const std::string before = slots();
    std::vector<std::string> held;
    for (const std::string& medium : media) held.push_back(bytes(medium));
    const Ran ran = kmsd(on(words));
    EXPECT_EQ(ran.exit, exit) << ran.err;
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_THAT(ran.err, ::testing::AllOf(::testing::StartsWith("kmsd: "), ::testing::HasSubstr(what)));
    EXPECT_EQ(slots(), before);
    for (std::size_t i = 0; i < media.size(); ++i) EXPECT_EQ(bytes(media[i]), held[i]) << media[i];
  }
  std::string slots() const { return kmsd(on({"medium", "list", "--slots", "--json"})).out; }
  std::size_t slotCount() const {
    const std::string all = slots();
    std::size_t count = 0;
    for (std::size_t at = all.find("\"slot\":"); at != std::string::npos; at = all.find("\"slot\":", at + 1))
      ++count;
    return count;
  }
  int opens(const std::string& name, const std::string& dir = "D") const {
    return kmsd({"medium", "check", image(name), "--data-dir", path(dir)}).exit;
  }
  std::string image(const std::string& name) const { return "image:" + path(name); }
  std::string path(const std::string& name) const { return (scratch_ / name).string(); }
  std::string bytes(const std::string& name) const {
    std::ifstream in(scratch_ / name, std::ios::binary);
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  }
  std::string mediumId(const std::string& name) const {
    const std::string out = kmsd({"medium", "check", image(name), "--json"}).out;
    const std::string key = "\"medium\":\"";
    const std::size_t at = out.find(key);
    return at == std::string::npos ? "" : out.substr(at + key.size(), 36);
  }

  Scratch scratch_;
};

}  // namespace tests
