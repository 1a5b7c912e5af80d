#include "kms/pki/cmp_status.h"

namespace kms::pki {
namespace {

// One bit of a BIT STRING of named bits; flags() of the writer ends at 16.
void bit(Der& der, unsigned number) {
  std::byte content[5] = {};
  content[0] = static_cast<std::byte>(7 - number % 8);
  content[1 + number / 8] = static_cast<std::byte>(0x80U >> (number % 8));
  der.element(kBitString, base::BytesView(content, 2 + number / 8));
}

}  // namespace

CmpRefusal refusalOf(const base::Error& error) {
  if (error.reason == base::Reason::ClockBack)
    return {CmpFailure::TimeNotAvailable, "the server's clock is wrong; try again when it is set"};
  if (error.reason == base::Reason::AuthorityEnded) return {CmpFailure::SystemUnavail, error.what};
  switch (error.code) {
    case base::Code::Invalid:
      return {CmpFailure::BadCertTemplate, error.what};
    case base::Code::Denied:
    case base::Code::Conflict:
      return {CmpFailure::NotAuthorized, error.what};
    case base::Code::NotFound:
      return {CmpFailure::BadCertId, error.what};
    default:
      return {CmpFailure::SystemFailure, "the server has failed; tell its administrator"};
  }
}

void writeStatus(Der& der, CmpStatus status) {
  der.sequence([&] { der.small(static_cast<std::uint8_t>(status)); });
}

void writeStatus(Der& der, const CmpRefusal& refusal) {
  der.sequence([&] {
    der.small(static_cast<std::uint8_t>(CmpStatus::Rejection));
    der.sequence([&] { der.element(kUtf8String, refusal.text); });
    bit(der, static_cast<unsigned>(refusal.failure));
  });
}

}  // namespace kms::pki
