// A backup of several chunks that is damaged, cut off or put together from two: `kmsd backup check` says
// where, and `kmsd restore` takes none of it. Every single byte is tried on a small one in tests/unit/backup.
#include <random>

#include "kms/backup/backup_format.h"
#include "tests/integration/backup/database.h"
#include "tests/integration/backup/hosts.h"
#include "tests/support/setting.h"

namespace tests {
namespace {

namespace kb = kms::backup;

class SampledDamage : public Hosts {
 protected:
  void SetUp() override {
    Hosts::SetUp();
    grow(old_.data() / "security/kms.db", 4);
    for (std::string* one : {&good_, &other_}) {
      std::filesystem::remove(backup());
      ASSERT_ENDS(old_.kmsd({"backup", backup(), "--data-dir", old_.data(), "--unsigned"}), 0);
      *one = slurp(backup());
    }
    const auto header = kb::headerLength(base::asBytes(good_).first(kb::kHeaderPrefix));
    ASSERT_TRUE(header);
    for (std::size_t at = *header; at < good_.size();) {
      starts_.push_back(at);
      const auto head = kb::parseChunkHead(base::asBytes(good_).subspan(at, kb::kChunkHead));
      ASSERT_TRUE(head);
      at += kb::kChunkHead + head->length;
    }
    ASSERT_GE(starts_.size(), 5U);
    RecordProperty("seed", std::to_string(seed_));
  }
  Ran check(const std::string& text) const {
    std::ofstream(backup(), std::ios::binary | std::ios::trunc) << text;
    return old_.kmsd({"backup", "check", backup()});
  }
  void refused(const std::string& text, const std::vector<std::string>& what) const {
    const Ran ran = check(text);
    EXPECT_EQ(ran.exit, 8) << ran.out;
    EXPECT_EQ(std::ranges::count(ran.err, '\n'), 1) << ran.err;
    EXPECT_EQ(ran.out.find("It is whole"), ran.out.npos);
    const bool said =
        std::ranges::any_of(what, [&](const std::string& one) { return ran.err.find(one) != ran.err.npos; });
    EXPECT_TRUE(said) << what.front() << " is not in: " << ran.err << "seed " << seed_;
  }
  void neverRestored() {
    const Ran ran = new_.kmsd({"restore", backup(), "--data-dir", new_.data(), "--accept-unsigned"});
    EXPECT_EQ(ran.exit, 8) << ran.err;
    EXPECT_FALSE(std::filesystem::exists(new_.data()));
  }
  std::string chunkAt(std::size_t byte) const {
    std::size_t chunk = 0;
    while (chunk + 1 < starts_.size() && starts_[chunk + 1] <= byte) ++chunk;
    return "in chunk " + std::to_string(chunk + 1) + " of " + std::to_string(starts_.size()) + ", at byte " +
           std::to_string(starts_[chunk]) + ":";
  }

  const std::uint64_t seed_ = setting("KEYDISK_SEED", std::random_device()(), std::random_device()());
  std::mt19937_64 dice_{seed_};
  std::string good_;
  std::string other_;                // of the same server, made a moment later
  std::vector<std::size_t> starts_;  // of the chunks
};

TEST_F(SampledDamage, OfAnyByteIsFoundInItsChunk) {
  ASSERT_ENDS(check(good_), 0);
  std::vector<std::size_t> places = {0, kb::kHeaderPrefix, starts_[0] - 1, good_.size() - 1};
  for (const std::size_t start : starts_) places.insert(places.end(), {start, start + kb::kChunkHead});
  for (int i = 0; i < 30; ++i) places.push_back(dice_() % good_.size());
  for (const std::size_t at : places) {
    SCOPED_TRACE(at);
    std::string bad = good_;
    bad[at] = static_cast<char>(bad[at] ^ (1 << dice_() % 8));
    if (at < starts_[0]) {
      refused(bad, {"header", "not a backup", "format"});
    } else {
      refused(bad, {chunkAt(at), "cut off behind byte"});  // a length that grew takes the end with it
    }
  }
  neverRestored();
}

TEST_F(SampledDamage, CutAtAnyLengthIsToldWithTheLength) {
  std::vector<std::size_t> lengths = {
      0, 1, kb::kHeaderPrefix - 1, kb::kHeaderPrefix, starts_[0] - 1, good_.size() - 1};
  for (const std::size_t start : starts_)
    lengths.insert(lengths.end(), {start, start + 1, start + kb::kChunkHead, start + kb::kChunkHead + 1});
  for (int i = 0; i < 15; ++i) lengths.push_back(dice_() % good_.size());
  for (const std::size_t length : lengths) {
    SCOPED_TRACE(length);
    refused(good_.substr(0, length), {length < starts_[0] ? "cut off in its header"
                                                          : "cut off behind byte " + std::to_string(length)});
  }
  neverRestored();
  refused(good_ + '\0', {"goes on"});
  refused(good_ + good_, {"goes on"});
}

TEST_F(SampledDamage, PutTogetherFromTwoIsToldWhereTheOtherBegins) {
  ASSERT_EQ(good_.size() - good_.size() % kb::kChunkMost, other_.size() - other_.size() % kb::kChunkMost);
  for (const std::size_t from : starts_) {
    SCOPED_TRACE(from);
    refused(good_.substr(0, from) + other_.substr(from), {chunkAt(from)});
  }
  const std::size_t length = starts_[2] - starts_[1];
  refused(good_.substr(0, starts_[1]) + good_.substr(starts_[2], length) + good_.substr(starts_[1], length) +
              good_.substr(starts_[3]),
          {chunkAt(starts_[1])});
  neverRestored();
}

}  // namespace
}  // namespace tests
