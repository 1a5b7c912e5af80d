// The log after a new root key: checkpoints of before count, the note under the old audit key does not.
#include "kms/keys/audit_note.h"
#include "tests/unit/audit/log_bench.h"

namespace tests {
namespace {

class AuditFormerTest : public LogBench {
 protected:
  // Four entries and a checkpoint, and one more behind it; then another key.
  void SetUp() override {
    kms::AuditWriter writer(*store, mac, options, clock);
    ASSERT_TRUE(writer.verifyTail());
    tell(4);
    ASSERT_TRUE(writer.flush(true));
    tell(1, 4);
    ASSERT_TRUE(writer.flush(false));
    expectWhole(5);
    const auto noted = kms::notedCheckpoint(*store, options.directory);
    ASSERT_TRUE(noted) << noted.error().what;
    oldNote_ = *note();
    EXPECT_EQ(kms::noteOf(mac, options.server, *noted)->mac, oldNote_.mac);
    checkpoint_ = *noted;
    old_ = mac;
    mac = [](base::BytesView message) -> std::optional<kms::Mac> {
      const base::Bytes key(32, std::byte{0x77});
      return kms::Hmac::create(key)->compute(message);
    };
    setNote(*kms::noteOf(mac, options.server, checkpoint_));
  }
  void knowFormer() {
    options.formerMacs = [this](base::BytesView message) { return std::vector<kms::Mac>{*old_(message)}; };
  }
  bool soundAtUnseal() { return bool(kms::AuditWriter(*store, mac, options, clock).verifyTail()); }

  kms::AuditMac old_;
  kms::AuditNote oldNote_;
  kms::AuditHead checkpoint_;
};

TEST_F(AuditFormerTest, CheckpointsOfTheFormerKeyCount) {
  EXPECT_FALSE(soundAtUnseal());
  EXPECT_TRUE(verify().broken());
  knowFormer();
  EXPECT_TRUE(soundAtUnseal());
  expectWhole(5);
  kms::AuditWriter writer(*store, mac, options, clock);
  ASSERT_TRUE(writer.verifyTail());
  tell(3, 5);
  ASSERT_TRUE(writer.flush(true));
  expectWhole(8);
  EXPECT_TRUE(soundAtUnseal());
}

TEST_F(AuditFormerTest, ANoteUnderTheFormerKeyDoesNot) {
  knowFormer();
  setNote(oldNote_);
  EXPECT_FALSE(soundAtUnseal());
  EXPECT_TRUE(verify().broken());
}

TEST_F(AuditFormerTest, TheNotedCheckpointIsFoundBehindAFullFile) {
  knowFormer();
  options.segmentMost = 600;
  for (int i = 5; i < 20; ++i) {
    kms::AuditWriter writer(*store, mac, options, clock);
    ASSERT_TRUE(writer.verifyTail());
    tell(1, i);
    ASSERT_TRUE(writer.flush(true));
    const auto noted = kms::notedCheckpoint(*store, options.directory);
    ASSERT_TRUE(noted) << noted.error().what;
    EXPECT_EQ(kms::noteOf(mac, options.server, *noted)->mac, note()->mac);
  }
  EXPECT_GT(head().segment, 2);
}

TEST_F(AuditFormerTest, ALogWithoutItsCheckpointIsBroken) {
  replaceIn(file(1), "checkpoint", "checkpaint");
  const auto noted = kms::notedCheckpoint(*store, options.directory);
  ASSERT_FALSE(noted);
  EXPECT_EQ(noted.error().reason, base::Reason::AuditBroken);
  std::filesystem::remove(file(1));
  EXPECT_EQ(kms::notedCheckpoint(*store, options.directory).error().reason, base::Reason::AuditBroken);
}

}  // namespace
}  // namespace tests
