// Two hosts of a test's own, and what is carried from one to the other.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/support/server.h"

namespace tests {

inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline ::testing::AssertionResult says(const std::string& text, const std::string& what) {
  if (text.find(what) != text.npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << what << "' is not in: " << text;
}

#define ASSERT_ENDS(ran, code)                       \
  do {                                               \
    const ::tests::Ran& was = (ran);                 \
    ASSERT_EQ(was.exit, code) << was.out << was.err; \
  } while (false)

class Hosts : public ::testing::Test {
 protected:
  void SetUp() override { old_.setUp(); }

  // A host with a drive and no server.
  void prepare(Server& host) {
    std::filesystem::create_directory(host.drive());
    std::filesystem::create_directory(host.safe());
  }
  void carry(const std::string& disk) {
    std::filesystem::copy_file(old_.safe() / disk, new_.safe() / disk,
                               std::filesystem::copy_options::overwrite_existing);
  }
  void open(Server& host) {
    host.insert("key.img");
    host.start();
    host.expectState("unsealed", "");
  }
  std::string disk(const Server& host, const std::string& name = "key.img") const {
    return "image:" + (host.safe() / name).string();
  }
  std::filesystem::path backup() const { return old_.safe() / "kms.kdb"; }
  static std::string field(const Server& host, const std::string& name) {
    const auto status = host.status();
    return status.at(name).is_string() ? std::string(status.at(name).as_string()) : std::string();
  }
  static std::string token(const Server& host, const std::string& user, const std::string& kind) {
    const auto made = host.ctlJson({"token", "issue", "--user", user, "--kind", kind}).as_object();
    return std::string(made.at("token").as_string());
  }

  Server old_;
  Server new_;
};

}  // namespace tests
