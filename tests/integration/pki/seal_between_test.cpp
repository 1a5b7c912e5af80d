// The server is sealed in the middle of an enrolment: between two messages of it, or between what it did and
// the arrival of its answer. The client is told, and nothing is lost: opened again, the same command ends
// with the one certificate.
#include <algorithm>
#include <iostream>

#include "tests/integration/pki/fault_desk.h"
#include "tests/support/relay.h"

namespace tests {
namespace {

class SealBetween : public FaultDesk {
 protected:
  // Seals once, when the answer to the first request whose line has `path` in it is on its way.
  Relay::Answered sealsAfter(const std::string& path, bool lost) {
    return [this, path, lost, done = false](const std::string& line) mutable {
      if (done || line.find(path) == line.npos) return true;
      done = true;
      EXPECT_EQ(server_.ctl({"seal"}).exit, 0);
      return !lost;
    };
  }
  // Of alice's certificates of this profile.
  std::size_t count(const std::string& profile) const {
    const auto all = server_.ctlJson({"cert", "list", "--user", "alice"});
    const auto& items = all.at("items").as_array();
    return static_cast<std::size_t>(std::ranges::count_if(
        items, [&](const auto& one) { return std::string_view(one.at("profile").as_string()) == profile; }));
  }
  // openssl cmp, once with the seal, and again.
  void enrolsByCmp(bool lost) {
    const std::size_t before = count("user-signing");
    const std::size_t issued = told("certificate_issued");
    const std::string direct = http_;
    {
      const auto relay = Relay::ofPort(http_, sealsAfter("/.well-known/cmp", lost));
      http_ = relay->address();
      newKey("new");
      EXPECT_EQ(cmp(enrolment("alice", token_, "new")).exit, 1);
      EXPECT_FALSE(has("new.crt"));
      http_ = direct;
    }
    server_.expectState("sealed", "sealed_by_command");
    unseal();
    EXPECT_EQ(count("user-signing"), before + 1) << "it was made, and waits for its confirmation";
    newKey("other");
    EXPECT_NE(cmp(enrolment("alice", token_, "other")).exit, 0) << "the token is the first key's";
    const Ran again = cmp(enrolment("alice", token_, "new"));
    EXPECT_EQ(again.exit, 0) << again.err;
    EXPECT_EQ(verify("new").exit, 0);
    EXPECT_EQ(count("user-signing"), before + 1);
    EXPECT_EQ(told("certificate_issued"), issued + 1);
  }
  // kmsctl enrol, once with the seal, and again.
  void enrolsByKmsctl(const std::string& path, bool lost, int exit) {
    const std::string name = std::to_string(++runs_);
    token_ = token("alice");
    write("alice.token", token_ + "\n");
    const std::size_t signing = count("user-signing");
    const std::size_t encryption = count("user-encryption");
    const std::vector<std::string> enrol = {
        "enrol", "--user", "alice", "--token-file", file("alice.token"), "--out", file(name), "--no-pkcs12"};
    {
      const auto relay = Relay::ofSocket(file(name + ".sock"), server_.socket(), sealsAfter(path, lost));
      auto first = enrol;
      first.insert(first.begin(), {server_.program("kmsctl"), "--server", "unix:" + relay->address()});
      const Told heard = toldByKmsctl(run(first));
      std::cout << path << (lost ? ", lost: " : ": ") << heard.text;
      EXPECT_EQ(heard.word, std::to_string(exit)) << path << heard.text;
      EXPECT_NE(heard.text.find(lost ? "without an answer" : "sealed"), std::string::npos) << heard.text;
    }
    server_.expectState("sealed", "sealed_by_command");
    unseal();
    const Ran again = server_.ctl(enrol);
    EXPECT_EQ(again.exit, 0) << path << again.err;
    EXPECT_EQ(count("user-signing"), signing + 1) << path;
    EXPECT_EQ(count("user-encryption"), encryption + 1) << path;
  }

 private:
  int runs_ = 0;
};

TEST_F(SealBetween, TwoMessagesOfACmpTransaction) { enrolsByCmp(false); }

TEST_F(SealBetween, TheClaimAndItsAnswerByCmp) { enrolsByCmp(true); }

TEST_F(SealBetween, TheMessagesOfKmsctl) {
  enrolsByKmsctl("/.well-known/cmp", false, 3);
  enrolsByKmsctl("/v1/enrol ", false, 3);
  enrolsByKmsctl("/v1/enrol/confirm", false, 3);
}

TEST_F(SealBetween, WhatWasDoneAndItsAnswerByKmsctl) {
  for (const char* path : {"/.well-known/cmp", "/v1/enrol ", "/v1/enrol/confirm", "/v1/encryption"})
    enrolsByKmsctl(path, true, 7);
}

}  // namespace
}  // namespace tests
