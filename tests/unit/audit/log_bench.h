// An audit log of the test's own: real SQLite, real files, and a key that can be taken away.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>

#include "kms/audit/audit.h"
#include "kms/audit/audit_log.h"
#include "kms/audit/audit_verify.h"
#include "kms/keys/crypto.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"

namespace tests {

class TestClock final : public base::Clock {
 public:
  base::Time now() const override { return base::Time(std::chrono::seconds(1'800'000'000)); }
};

inline std::string readAll(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}
inline void writeAll(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
}
inline std::vector<std::string> linesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class LogBench : public ::testing::Test {
 protected:
  LogBench() {
    options.directory = scratch / "audit";
    options.server = *base::Uuid::parse("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0");
    options.flushEvery = std::chrono::milliseconds(5);
    options.retryAfter = std::chrono::milliseconds(5);
    setNote(*kms::noteOf(mac, options.server, {}));  // as founding does
  }

  void setNote(const kms::AuditNote& note) {
    EXPECT_TRUE(store->writeAndWait([&](kms::Txn& txn) { return txn.setAuditNote(note); }));
  }
  std::optional<kms::AuditNote> note() {
    std::optional<kms::AuditNote> out;
    EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      out = *reader.auditNote();
      return {};
    }));
    return out;
  }

  // Commits entries "FROM", "FROM + 1", ...
  void tell(int count, int from = 0) {
    for (int i = from; i < from + count; ++i) {
      const auto done = store->writeAndWait([&](kms::Txn& txn) {
        return kms::record(txn, clock.now(),
                           {kms::Event::UserAdded, "uid 0", "u" + std::to_string(i), "new"});
      });
      ASSERT_TRUE(done) << done.error().what;
    }
  }
  kms::AuditHead head() {
    kms::AuditHead out;
    EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      out = *reader.auditHead();
      return {};
    }));
    return out;
  }
  std::size_t waiting() {
    std::size_t rows = 0;
    EXPECT_TRUE(store->read([&](kms::StoreReader& reader) -> base::Result<void> {
      rows = reader.outbox(100'000)->size();
      return {};
    }));
    return rows;
  }
  std::filesystem::path file(int segment) const { return options.directory / kms::segmentName(segment); }
  std::vector<std::string> lines(int segment) const { return linesOf(readAll(file(segment))); }

  // The whole log; the objects of its entries come into `told`.
  kms::AuditReport verify(std::vector<std::string>* told = nullptr) {
    kms::AuditVerifier verifier(options, mac, [&](const kms::AuditFacts& facts) -> base::Result<void> {
      if (told != nullptr) told->emplace_back(facts.object);
      return {};
    });
    const auto read = verifier.readTo(head(), note());
    EXPECT_TRUE(read) << read.error().what;
    return verifier.report();
  }
  // Each of "u0" ... "u(count - 1)" once and in turn, in a log that is sound.
  void expectWhole(int count) {
    std::vector<std::string> told;
    const auto report = verify(&told);
    for (const auto& p : report.problems) ADD_FAILURE() << p.file << " " << p.line << " " << p.what;
    ASSERT_EQ(told.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) ASSERT_EQ(told[static_cast<std::size_t>(i)], "u" + std::to_string(i));
    EXPECT_EQ(waiting(), 0U);
  }
  // What stands in `to` instead of `from`, once.
  static void replaceIn(const std::filesystem::path& file, const std::string& from, const std::string& to) {
    std::string text = readAll(file);
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    writeAll(file, text.replace(at, from.size(), to));
  }

  Scratch scratch;
  TestClock clock;
  std::unique_ptr<kms::Store> store = *kms::createSqliteStore(scratch / "kms.db");
  std::atomic<bool> open = true;
  std::mutex macMutex;
  kms::Hmac hmac = *kms::Hmac::create(base::asBytes("an audit key for tests only ...."));
  kms::AuditMac mac = [this](base::BytesView message) -> std::optional<kms::Mac> {
    if (!open) return std::nullopt;
    const std::lock_guard lock(macMutex);
    return hmac.compute(message);
  };
  kms::AuditOptions options;
  std::atomic<bool> never = false;
};

}  // namespace tests
