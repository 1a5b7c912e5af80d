// UserMove at the source: ending a user here when the other server has confirmed that it has him.
#include <future>

#include "kms/audit/audit.h"
#include "kms/pki/certificate_core.h"
#include "kms/pki/user_move.h"

namespace kms::pki {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr unsigned kLookedAt = 64;  // newest certificates of the user, for an error that says what is wrong

// How many certificates the user has got since the export that the receipt is for; nothing where it is for
// none of his, or too many came.
Result<std::optional<unsigned>> gotSince(StoreReader& reader, OpenKeys& keys, const MoveReceipt& receipt,
                                         UserRow user) {
  for (unsigned count = 0; count <= kLookedAt; ++count) {
    auto mac = receiptMac(receipt, claimOf(keys, receipt.id, receipt.recipient, user));
    if (!mac) return std::move(mac).error();
    if (base::equalConstantTime(*mac, receipt.mac)) return std::optional(count);
    if (user.newest == 0) break;
    auto row = readCertificate(reader, keys, user.newest);
    if (!row) return std::move(row).error();
    if (!*row || (*row)->user != user.user.id)
      return corruptRow("a user's certificate is missing or another's");
    user.newest = (*row)->previous;
  }
  return std::optional<unsigned>();
}

Result<void> requireAllMoved(StoreReader& reader, OpenKeys& keys, const MoveReceipt& receipt,
                             const UserRow& user) {
  auto since = gotSince(reader, keys, receipt, user);
  if (!since) return std::move(since).error();
  if (!*since)
    return forbidden("this receipt is altered, or not for what this server has exported of " + receipt.name +
                     ", or he has got many certificates since; export and import him again");
  if (**since == 0) return {};
  return Error{Code::Conflict,
               receipt.name + " has got " + std::to_string(**since) +
                   (**since == 1 ? " certificate" : " certificates") +
                   " since the export, which the other server does not have; nothing of his is revoked; "
                   "export and import him again"};
}

}  // namespace

Result<MovedUser> UserMove::confirm(const Actor& by, base::BytesView bytes) {
  if (by.role < Role::Admin) return forbidden("ending a user who has moved needs the role admin");
  auto receipt = decodeReceipt(bytes);
  if (!receipt) return std::move(receipt).error();
  const auto check = [&](Txn& txn, OpenKeys& keys, const UserRow& user, base::Time now) -> Result<void> {
    if (auto all = requireAllMoved(txn, keys, *receipt, user); !all) return all;
    return record(txn, now,
                  {Event::UserMovedAway, by.name, receipt->name,
                   "to " + base::toHex(receipt->recipient) + ", package " + base::toHex(receipt->id)});
  };
  // Shared, because this side may be gone while the other still leaves set_value().
  auto ended = std::make_shared<std::promise<Result<RevokedUser>>>();
  certificates_.endUser(by, receipt->name, RevocationReason::CessationOfOperation, check,
                        [ended](Result<RevokedUser> one) { ended->set_value(std::move(one)); });
  auto revoked = ended->get_future().get();
  if (!revoked) return std::move(revoked).error();
  return MovedUser{receipt->name, *revoked};
}

}  // namespace kms::pki
