// The file of kept OCSP answers: whole, and nothing but whole.
#include "kms/pki/ocsp_kept.h"

#include <gtest/gtest.h>

#include "hal/base/rfc3339.h"
#include "kms/pki/digest.h"
#include "tests/unit/keys/worked_examples.h"

namespace tests {
namespace {

using base::Bytes;
namespace pki = kms::pki;

Bytes fromHex(std::string_view hex) {
  Bytes out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

pki::KeptAnswer answer(unsigned serial, pki::KeptHash hash, pki::OcspState state) {
  pki::KeptAnswer one;
  one.serial.fill(static_cast<std::byte>(serial));
  one.hash = hash;
  one.answer.state = state;
  if (state == pki::OcspState::Revoked)
    one.answer = {state, base::Time(std::chrono::seconds(77)), pki::RevocationReason::Hold};
  one.made = base::Time(std::chrono::seconds(1'000));
  one.life = std::chrono::seconds(500);
  one.signature = Bytes(70 + serial, std::byte{0x5A});
  return one;
}

pki::KeptAnswers several() {
  pki::KeptAnswers kept;
  kept.mark = 12;
  kept.revocation = 3;
  kept.signers = {{Bytes(40, std::byte{1}), Bytes(50, std::byte{2}), Bytes(12, std::byte{3})},
                  {Bytes(41, std::byte{4}), Bytes(51, std::byte{5}), Bytes(13, std::byte{6})}};
  for (unsigned serial = 1; serial <= 3; ++serial)
    for (const auto hash : {pki::KeptHash::Sha1, pki::KeptHash::Sha256})
      kept.answers.push_back(
          answer(serial, hash, serial == 2 ? pki::OcspState::Revoked : pki::OcspState::Good));
  kept.answers.back().signer = 1;
  return kept;
}

// With a sum that is right, as only this server makes it.
Bytes summed(Bytes content) {
  const auto sum = pki::sha256(content);
  content.insert(content.end(), sum.begin(), sum.end());
  return content;
}

bool refused(const pki::KeptAnswers& kept) { return !pki::parseKept(pki::encodeKept(kept)); }

TEST(OcspKept, IsReadAsItWasWritten) {
  const auto kept = several();
  const Bytes file = pki::encodeKept(kept);
  const auto read = pki::parseKept(file);
  ASSERT_TRUE(read);
  EXPECT_EQ(pki::encodeKept(*read), file);
  EXPECT_EQ(read->mark, 12);
  EXPECT_EQ(read->revocation, 3);
  EXPECT_EQ(read->signers, kept.signers);
  const auto* const revoked = read->find(kept.answers[2].serial, pki::KeptHash::Sha1);
  ASSERT_NE(revoked, nullptr);
  EXPECT_EQ(revoked->answer.state, pki::OcspState::Revoked);
  EXPECT_EQ(revoked->answer.reason, pki::RevocationReason::Hold);
  EXPECT_EQ(revoked->until(), base::Time(std::chrono::seconds(1'500)));
  const auto* const last = read->find(kept.answers[5].serial, pki::KeptHash::Sha256);
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->signer, 1);
  EXPECT_EQ(read->find(answer(9, pki::KeptHash::Sha1, pki::OcspState::Good).serial, pki::KeptHash::Sha1),
            nullptr);
  EXPECT_TRUE(pki::parseKept(pki::encodeKept({}))) << "none is no fault";
}

TEST(OcspKept, AnyChangeAndAnyCutIsDamage) {
  const Bytes file = pki::encodeKept(several());
  for (std::size_t i = 0; i < file.size(); ++i) {
    EXPECT_FALSE(pki::parseKept(base::BytesView(file).first(i))) << i;
    for (const unsigned bit : {0U, 3U, 7U}) {
      Bytes other = file;
      other[i] ^= static_cast<std::byte>(1U << bit);
      EXPECT_FALSE(pki::parseKept(other)) << i;
    }
  }
  Bytes longer = file;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(pki::parseKept(longer));
}

// Whoever can write the file can make the sum right.
TEST(OcspKept, WithTheRightSumNothingIsTakenThatCannotBe) {
  const Bytes file = pki::encodeKept(several());
  const Bytes content(file.begin(), file.end() - 32);
  for (std::size_t i = 0; i < content.size(); ++i) {
    EXPECT_FALSE(pki::parseKept(summed({content.begin(), content.begin() + static_cast<std::ptrdiff_t>(i)})));
    for (const unsigned value : {0x00U, 0x7FU, 0xFFU}) {
      Bytes other = content;
      other[i] = static_cast<std::byte>(value);
      const Bytes whole = summed(other);
      const auto read = pki::parseKept(whole);
      if (read) {
        EXPECT_EQ(pki::encodeKept(*read), whole) << i;
      }
    }
  }
  auto one = several();
  std::swap(one.answers[0], one.answers[1]);
  EXPECT_TRUE(refused(one)) << "not in order";
  one = several();
  one.answers[1] = one.answers[0];
  EXPECT_TRUE(refused(one)) << "twice";
  one = several();
  one.answers[0].signer = 2;
  EXPECT_TRUE(refused(one)) << "nobody's";
  one = several();
  one.answers[0].answer.state = pki::OcspState::Unknown;
  EXPECT_TRUE(refused(one));
  one = several();
  one.answers[0].answer.reason = pki::RevocationReason::KeyCompromise;
  EXPECT_TRUE(refused(one)) << "good, and why it was revoked";
  one = several();
  one.answers[0].signature.clear();
  EXPECT_TRUE(refused(one));
  one.answers[0].signature = Bytes(1025);
  EXPECT_TRUE(refused(one));
  one = several();
  one.answers[0].life = std::chrono::seconds(0);
  EXPECT_TRUE(refused(one));
}

TEST(Formats, KeptAnswers) {
  Example x = workedExample("kept answers");
  pki::KeptAnswers kept;
  kept.mark = std::stoll(x["mark"]);
  kept.revocation = std::stoll(x["revocation"]);
  kept.signers = {{fromHex(x["authority"]), fromHex(x["signer"]), fromHex(x["algorithm"])}};
  for (const auto hash : {pki::KeptHash::Sha1, pki::KeptHash::Sha256}) {
    pki::KeptAnswer& one = kept.answers.emplace_back();
    one.serial = *pki::parseSerial(x["serial"]);
    one.hash = hash;
    one.answer = {pki::OcspState::Revoked, *base::parseTime(x["revoked"]),
                  *pki::parseRevocationReason(x["reason"])};
    one.made = *base::parseTime(x["made"]);
    one.life = std::chrono::seconds(std::stoll(x["life"]));
    one.signature = fromHex(x[hash == pki::KeptHash::Sha1 ? "sha1 signature" : "sha256 signature"]);
  }
  EXPECT_EQ(base::toHex(pki::encodeKept(kept)), x["file"]);
  EXPECT_TRUE(pki::parseKept(fromHex(x["file"])));
}

}  // namespace
}  // namespace tests
