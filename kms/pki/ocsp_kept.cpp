#include "kms/pki/ocsp_kept.h"

#include <algorithm>

#include "kms/pki/digest.h"
#include "kms/pki/oids.h"
#include "kms/pki/row_fields.h"

namespace kms::pki {
namespace {

constexpr std::string_view kMagic = "kd-ocsp";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kDigest = 32;
constexpr std::size_t kMostSignature = 1024;  // bytes
constexpr std::chrono::seconds kMostLife = std::chrono::hours(24 * 366);

base::Error damaged() {
  return {base::Code::Corrupt, "this is no file of kept OCSP answers, or a damaged one"};
}

auto placeOf(const KeptAnswer& answer) noexcept { return std::pair(answer.serial, answer.hash); }

bool isReason(RevocationReason reason) {
  return reason <= RevocationReason::PrivilegeWithdrawn && static_cast<std::uint8_t>(reason) != 7 &&
         reason != RevocationReason::RemoveFromCrl;
}

bool wellFormed(const KeptAnswer& one, std::size_t signers) {
  const OcspAnswer& told = one.answer;
  const bool good = told.state == OcspState::Good && told.revokedAt == base::Time{} &&
                    told.reason == RevocationReason::Unspecified;
  const bool revoked = told.state == OcspState::Revoked && isReason(told.reason);
  return (good || revoked) && goodSerial(one.serial) && one.signer < signers && one.life.count() > 0 &&
         one.life <= kMostLife && !one.signature.empty() && one.signature.size() <= kMostSignature &&
         (one.hash == KeptHash::Sha1 || one.hash == KeptHash::Sha256);
}

base::Bytes taken(base::BytesView bytes) { return {bytes.begin(), bytes.end()}; }

// As it was put, or `ok` is false.
base::Time takeTimeWhole(base::ByteReader& in, bool& ok) {
  base::ByteReader before(in.rest());
  const base::Time time = takeTime(in);
  ok = ok && takeNumber(before) == time.time_since_epoch().count();
  return time;
}

KeptAnswer takeAnswer(base::ByteReader& in, bool& ok) {
  KeptAnswer one;
  const auto serial = in.raw(one.serial.size());
  std::ranges::copy(serial, one.serial.begin());
  one.hash = static_cast<KeptHash>(in.u8());
  one.signer = in.u16();
  one.answer.state = static_cast<OcspState>(in.u8());
  one.answer.revokedAt = takeTimeWhole(in, ok);
  one.answer.reason = static_cast<RevocationReason>(in.u8());
  one.made = takeTimeWhole(in, ok);
  one.life = std::chrono::seconds(in.u32());
  one.signature = taken(in.raw(in.u16()));
  return one;
}

}  // namespace

std::string_view oidOf(KeptHash hash) noexcept { return hash == KeptHash::Sha1 ? oid::kSha1 : oid::kSha256; }

const KeptAnswer* KeptAnswers::find(const Serial& serial, KeptHash hash) const noexcept {
  const auto at = std::ranges::lower_bound(answers, std::pair(serial, hash), {}, placeOf);
  return at != answers.end() && placeOf(*at) == std::pair(serial, hash) ? &*at : nullptr;
}

base::Bytes encodeKept(const KeptAnswers& kept) {
  base::ByteWriter out;
  out.raw(base::asBytes(kMagic));
  out.u8(kVersion);
  putNumber(out, kept.mark);
  putNumber(out, kept.revocation);
  out.u16(static_cast<std::uint16_t>(kept.signers.size()));
  for (const KeptSigner& signer : kept.signers)
    for (const base::Bytes* part : {&signer.authority, &signer.certificate, &signer.algorithm})
      out.field(*part);
  out.u32(static_cast<std::uint32_t>(kept.answers.size()));
  for (const KeptAnswer& one : kept.answers) {
    out.raw(one.serial);
    out.u8(static_cast<std::uint8_t>(one.hash));
    out.u16(one.signer);
    out.u8(static_cast<std::uint8_t>(one.answer.state));
    putTime(out, one.answer.revokedAt);
    out.u8(static_cast<std::uint8_t>(one.answer.reason));
    putTime(out, one.made);
    out.u32(static_cast<std::uint32_t>(one.life.count()));
    out.u16(static_cast<std::uint16_t>(one.signature.size()));
    out.raw(one.signature);
  }
  out.raw(sha256(out.bytes()));
  return std::move(out).take();
}

base::Result<KeptAnswers> parseKept(base::BytesView file) {
  if (file.size() < kDigest || file.size() > kMostKeptFile) return damaged();
  const base::BytesView content = file.first(file.size() - kDigest);
  if (!std::ranges::equal(file.last(kDigest), sha256(content))) return damaged();
  base::ByteReader in(content);
  const auto magic = in.raw(kMagic.size());
  if (base::asText(magic) != kMagic || in.u8() != kVersion) return damaged();
  KeptAnswers kept;
  kept.mark = takeNumber(in);
  kept.revocation = takeNumber(in);
  const std::size_t signers = in.u16();
  if (kept.mark < 0 || kept.revocation < 0 || signers > kMostKeptSigners) return damaged();
  for (std::size_t i = 0; i < signers && in.ok(); ++i) {
    KeptSigner& signer = kept.signers.emplace_back();
    for (base::Bytes* part : {&signer.authority, &signer.certificate, &signer.algorithm})
      *part = taken(in.field(kMostDer));
  }
  const std::size_t answers = in.u32();
  if (answers > kMostKeptAnswers) return damaged();
  for (std::size_t i = 0; i < answers; ++i) {
    bool ok = true;
    KeptAnswer one = takeAnswer(in, ok);
    if (!in.ok() || !ok || !wellFormed(one, signers)) return damaged();
    if (!kept.answers.empty() && placeOf(kept.answers.back()) >= placeOf(one)) return damaged();
    kept.answers.push_back(std::move(one));
  }
  if (!in.atEnd()) return damaged();
  return kept;
}

}  // namespace kms::pki
