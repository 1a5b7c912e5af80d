// Writing and signing lists. A list may have millions of entries, so its size is counted first, and its bytes
// are written once.
#include <algorithm>
#include <optional>

#include "kms/pki/crl.h"
#include "kms/pki/der.h"
#include "kms/pki/oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kHeaderMost = 6;  // tag, and a length of at most 5 bytes
constexpr std::size_t kSignatureMost =
    1200;                            // bytes: AlgorithmIdentifier and signature of RSA with 8192 bits
constexpr std::size_t kReason = 14;  // bytes of the extension reasonCode in its list
constexpr std::uint32_t kYear2050 = 2524608000;

std::size_t lengthSize(std::size_t length) noexcept {
  std::size_t size = 1;
  if (length >= 0x80)
    for (std::size_t left = length; left != 0; left >>= 8U) ++size;
  return size;
}

void header(base::Bytes& out, std::uint8_t tag, std::size_t length) {
  out.push_back(std::byte{tag});
  const std::size_t wide = lengthSize(length) - 1;
  if (wide > 0) out.push_back(static_cast<std::byte>(0x80U | wide));
  for (std::size_t i = wide == 0 ? 1 : wide; i-- > 0;)
    out.push_back(static_cast<std::byte>(length >> (8 * i)));
}

void append(base::Bytes& out, base::BytesView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

}  // namespace

// Writes the entries of a list, whose inside it may see.
class CrlWriter {
 public:
  static std::size_t size(const CrlEntries& entries) noexcept {
    std::size_t all = 0;
    for (const auto& entry : entries.entries_) all += 2 + content(entry);
    return all;
  }

  static void write(base::Bytes& out, const CrlEntries& entries) {
    TimeText time;
    ReasonText reason;
    for (const auto& entry : entries.entries_) {
      header(out, kSequence, content(entry));
      header(out, kInteger, entry.serial.size());
      append(out, entry.serial);
      append(out, time.of(entry.at));
      if (entry.reason != RevocationReason::Unspecified) append(out, reason.of(entry.reason));
    }
  }

 private:
  // The last time as DER: in a list many entries have the same.
  class TimeText {
   public:
    base::BytesView of(std::uint32_t at) {
      if (at != at_ || der_.empty()) {
        at_ = at;
        Der der;
        der.time(base::Time(std::chrono::seconds(at)));
        der_ = std::move(der).take();
      }
      return der_;
    }

   private:
    std::uint32_t at_ = 0;
    base::Bytes der_;
  };

  // The same with the extension reasonCode in its list.
  class ReasonText {
   public:
    base::BytesView of(RevocationReason reason) {
      if (reason == reason_) return der_;
      reason_ = reason;
      Der der;
      der.sequence([&] {
        der.sequence([&] {
          der.oid(oid::kReasonCode);
          der.nest(kOctetString, [&] { der.small(static_cast<std::uint8_t>(reason), kEnumerated); });
        });
      });
      der_ = std::move(der).take();
      return der_;
    }

   private:
    RevocationReason reason_ = RevocationReason::Unspecified;
    base::Bytes der_;
  };

  static std::size_t content(const CrlEntries::Entry& entry) noexcept {
    return 2 + entry.serial.size() + (entry.at < kYear2050 ? 15U : 17U) +
           (entry.reason == RevocationReason::Unspecified ? 0 : kReason);
  }
};

namespace {

void extension(Der& der, std::string_view id, bool critical, const Der& value) {
  der.sequence([&] {
    der.oid(id);
    if (critical) der.yes();
    der.element(kOctetString, value.view());
  });
}

base::Bytes extensions(const Issuer& issuer, std::int64_t number, std::optional<std::int64_t> full) {
  Der identifier;
  identifier.sequence([&] { identifier.element(contextTag(0, false), identifierOf(issuer)); });
  Der numbered;
  numbered.small(static_cast<std::uint64_t>(number));
  Der all;
  all.nest(contextTag(0), [&] {
    all.sequence([&] {
      extension(all, oid::kAuthorityKeyIdentifier, false, identifier);
      extension(all, oid::kCrlNumber, false, numbered);
      if (!full) return;
      Der delta;
      delta.small(static_cast<std::uint64_t>(*full));
      extension(all, oid::kDeltaCrl, true, delta);
    });
  });
  return std::move(all).take();
}

// What stands before the entries: version 2, algorithm, issuer, times.
base::Bytes beginning(const Issuer& issuer, CrlTimes times) {
  Der der;
  der.small(1);
  der.raw(issuer.key.algorithm());
  der.raw(issuer.certificate.subject);
  der.time(times.thisUpdate);
  der.time(times.nextUpdate);
  return std::move(der).take();
}

base::Result<base::Bytes> sign(const Issuer& issuer, const CrlEntries& entries, CrlTimes times,
                               std::int64_t number, std::optional<std::int64_t> full) {
  const base::Bytes first = beginning(issuer, times);
  const base::Bytes last = extensions(issuer, number, full);
  const std::size_t list = CrlWriter::size(entries);
  const std::size_t tbs = first.size() + (list == 0 ? 0 : 1 + lengthSize(list) + list) + last.size();
  base::Bytes out;
  out.reserve(kHeaderMost + 1 + lengthSize(tbs) + tbs + kSignatureMost);
  out.resize(kHeaderMost);  // for the header of the whole, whose length the signature decides
  header(out, kSequence, tbs);
  append(out, first);
  if (list > 0) {
    header(out, kSequence, list);
    CrlWriter::write(out, entries);
  }
  append(out, last);
  auto signature = issuer.key.sign(base::BytesView(out).subspan(kHeaderMost));
  if (!signature) return signature;
  append(out, issuer.key.algorithm());
  Der bits;
  bits.bits(*signature);
  append(out, bits.view());
  base::Bytes outer;
  header(outer, kSequence, out.size() - kHeaderMost);
  const auto unused = static_cast<std::ptrdiff_t>(kHeaderMost - outer.size());
  std::ranges::copy(outer, out.begin() + unused);
  out.erase(out.begin(), out.begin() + unused);
  return out;
}

}  // namespace

base::Result<base::Bytes> signCrl(const Issuer& issuer, const CrlEntries& entries, CrlTimes times,
                                  std::int64_t number) {
  return sign(issuer, entries, times, number, std::nullopt);
}

base::Result<base::Bytes> signDeltaCrl(const Issuer& issuer, const CrlEntries& changes, CrlTimes times,
                                       std::int64_t number, std::int64_t full) {
  return sign(issuer, changes, times, number, full);
}

}  // namespace kms::pki
