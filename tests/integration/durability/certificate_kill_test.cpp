// kmsd is killed at random moments while certificates are issued, enrolled, renewed and revoked, as by
// kill -9; what it has acknowledged holds after each start, and all that is published says so.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <atomic>
#include <fstream>
#include <iostream>
#include <thread>

#include "tests/integration/durability/certificate_desks.h"
#include "tests/integration/durability/published_status.h"
#include "tests/support/run.h"
#include "tests/support/server.h"
#include "tests/support/setting.h"
#include "tests/unit/http/certificates.h"

namespace tests {
namespace {

using kms::pki::serialText;

constexpr unsigned kClients = 4;
constexpr std::size_t kRecent = 40;  // certificates of each client that are looked at after each start

class CertificatesKilled : public ::testing::Test {
 protected:
  void SetUp() override {
    std::cout << "seed " << seed_ << "\n";
    server_.setUp();
    server_.insert("key.img");
    tls_.server();
    for (unsigned i = 0; i < kClients; ++i) {
      ledgers_.emplace_back("u" + std::to_string(i), seed_ + i);
      std::filesystem::create_directory(scratch_ / std::to_string(i));
    }
  }

  void start() {
    const std::size_t before = server_.log().size();
    server_.start({"--listen", "https://127.0.0.1:0", "--tls-certificate", tls_.text("server.pem"),
                   "--tls-key", tls_.text("server.key")});
    server_.expectState("unsealed", "");
    const std::string mark = "listening on https://127.0.0.1:";
    std::string said;
    ASSERT_TRUE(waitUntil([&] {
      said = server_.log().substr(before);
      return said.find(mark) != said.npos;
    }));
    port_ = static_cast<std::uint16_t>(std::stoul(said.substr(said.find(mark) + mark.size())));
  }

  CertificateHttpDesk deskOf(std::size_t client) const {
    return {server_.socket(), port_, tls_.file("ca.pem"), scratch_ / std::to_string(client)};
  }

  // Loads the server until it is killed, a moment after it has answered so many requests.
  void killUnderLoad(std::uint64_t requests, std::chrono::milliseconds later) {
    std::atomic<bool> killing = false;
    std::atomic<std::uint64_t> answered = 0;
    std::vector<std::thread> threads;
    for (std::size_t client = 0; client < ledgers_.size(); ++client) {
      threads.emplace_back([&, client] {
        CertificateHttpDesk desk = deskOf(client);
        for (;;) {
          auto done = ledgers_[client].step(desk);
          ++answered;
          if (done) continue;
          EXPECT_TRUE(killing) << "refused before the kill: " << done.error().what;
          EXPECT_EQ(done.error().reason, base::Reason::ServerUnreachable) << done.error().what;
          return;
        }
      });
    }
    EXPECT_TRUE(waitUntil([&] { return answered >= requests; }));
    static_cast<void>(::poll(nullptr, 0, static_cast<int>(later.count())));
    killing = true;
    EXPECT_EQ(server_.stop(SIGKILL), 128 + SIGKILL);
    for (auto& thread : threads) thread.join();
  }

  void expectAll(std::size_t recent) {
    for (std::size_t client = 0; client < ledgers_.size(); ++client) {
      CertificateHttpDesk desk = deskOf(client);
      ledgers_[client].check(desk, recent);
    }
    expectPublished(recent);
    const Ran audited = server_.ctl({"audit", "verify"});
    EXPECT_EQ(audited.exit, 0) << audited.out << audited.err;
  }

  // OCSP says it at once; the list as soon as it is made anew.
  void expectPublished(std::size_t recent) {
    HttpDesk desk(server_.socket());
    const auto authority = desk.fetch("GET", "/ca.crt");
    ASSERT_TRUE(authority) << authority.error().what;
    const PublishedStatus published(base::asBytes(*authority));
    std::map<pki::Serial, bool> states;
    for (const auto& ledger : ledgers_) ledger.collectStates(states, recent);
    for (const auto& [serial, revoked] : states) {
      const auto answer =
          desk.fetch("POST", "/ocsp", "application/ocsp-request", published.ocspRequest(serial));
      ASSERT_TRUE(answer) << answer.error().what;
      ASSERT_EQ(published.readOcsp(base::asBytes(*answer), serial), revoked ? "revoked" : "good")
          << serialText(serial);
    }
    states.clear();
    for (const auto& ledger : ledgers_) ledger.collectStates(states);
    PublishedStatus::List list;
    const auto missing = [&] {
      constexpr std::size_t kShown = 1000;  // bytes
      std::string text;
      for (const auto& [serial, revoked] : states)
        if (list.revoked.contains(serial) != revoked && text.size() < kShown)
          text += serialText(serial) + (revoked ? "+ " : "- ");
      return text;
    };
    // By curl: our own client takes answers into locked memory, which has no room for a list of thousands.
    Ran got;
    const auto newest = [&] {
      got = run({"curl", "-sSf", "--unix-socket", server_.socket().string(), "http://localhost/crl.der"});
      if (got.exit != 0) return false;
      list = published.readList(base::asBytes(got.out));
      return missing().empty();
    };
    ASSERT_TRUE(waitUntil(newest)) << got.err << "the CRL lacks (+) or has (-) " << missing();
    EXPECT_GE(list.number, lastList_) << "the numbers of the lists do not rise";
    lastList_ = list.number;
  }

  // How often the files of the audit log tell of `event`, for each certificate.
  std::map<std::string, int> recorded(const std::string& event) const {
    const std::string mark = "\"name\":\"" + event + "\"";
    const std::string object = "\"object\":\"";
    std::map<std::string, int> found;
    for (const auto& file : std::filesystem::directory_iterator(server_.data() / "security" / "audit")) {
      std::ifstream lines(file.path());
      for (std::string line; std::getline(lines, line);) {
        if (line.find(mark) == line.npos) continue;
        const auto at = line.find(object) + object.size();
        ++found[line.substr(at, line.find('"', at) - at)];
      }
    }
    return found;
  }

  // Every certificate that the server has ever made, acknowledged or not.
  std::set<std::string> listed() {
    std::set<std::string> all;
    HttpDesk desk(server_.socket());
    for (std::string after;;) {
      std::map<std::string, std::string> query = {{"limit", "1000"}};
      if (!after.empty()) query["after"] = after;
      const auto page = desk.call("GET", "/v1/certificates", {}, query);
      EXPECT_TRUE(page && page->status == 200);
      if (!page || page->status != 200) return all;
      for (const auto& item : page->body.at("items").as_array())
        EXPECT_TRUE(all.insert(std::string(item.at("serial").as_string())).second) << "a serial repeats";
      after = page->text("next");
      if (after.empty()) return all;
    }
  }

  const std::uint64_t seed_ = setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  std::mt19937_64 random_{seed_};
  Scratch scratch_;
  Certificates tls_{scratch_};
  Server server_;
  std::uint16_t port_ = 0;
  std::vector<CertificateLedger> ledgers_;
  std::int64_t lastList_ = 0;
};

TEST_F(CertificatesKilled, WhatWasAcknowledgedHoldsAfterEachStart) {
  const auto rounds = setting("KEYDISK_KILLS", 10, 4);
  for (std::uint64_t round = 0; round <= rounds && !HasFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    start();
    if (HasFailure()) break;
    expectAll(round == rounds ? SIZE_MAX : kRecent);
    if (HasFailure() || round == rounds) break;
    killUnderLoad(4 + random_() % 200, std::chrono::milliseconds(random_() % 25));
  }
  if (HasFailure()) return;
  CertificateLedger::Counts all;
  std::set<pki::Serial> serials;
  std::set<pki::Serial> revoked;
  for (const CertificateLedger& ledger : ledgers_) {
    ledger.collectSerials(serials);
    ledger.collectRevoked(revoked);
    const auto counts = ledger.counts();
    all.issued += counts.issued;
    all.enrolled += counts.enrolled;
    all.renewed += counts.renewed;
    all.revoked += counts.revoked;
    all.released += counts.released;
  }
  std::cout << rounds << " kills; " << all.issued << " certificates issued, " << all.enrolled << " enrolled, "
            << all.renewed << " renewed, " << all.revoked << " revoked, " << all.released << " released\n";
  EXPECT_GT(all.issued + all.enrolled + all.renewed, rounds * 4) << "there was no load";
  EXPECT_GT(all.revoked, 0U);
  EXPECT_GT(all.renewed, 0U);
  const auto known = listed();
  for (const auto& serial : serials)
    EXPECT_TRUE(known.contains(serialText(serial))) << serialText(serial) << " is not listed";
  const Ran audited = server_.ctl({"audit", "verify", "--store"});
  EXPECT_EQ(audited.exit, 0) << audited.out << audited.err;
  EXPECT_EQ(server_.stop(), 0);
  const auto made = recorded("certificate_issued");
  const auto ended = recorded("certificate_revoked");
  for (const auto& serial : serials)
    EXPECT_TRUE(made.contains(serialText(serial)) && made.at(serialText(serial)) == 1) << serialText(serial);
  for (const auto& serial : revoked)
    EXPECT_TRUE(ended.contains(serialText(serial)) && ended.at(serialText(serial)) == 1)
        << serialText(serial);
}

}  // namespace
}  // namespace tests
