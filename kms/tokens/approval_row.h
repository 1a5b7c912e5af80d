// A row of Table::Approvals: a request that administrators approve, until it expires. Its key is the time of
// the asking and a random number, so that a restored database gives no name to another request.
//
// plain := version{1}=1 kind{1} state{1} user{8} asked{8} expires{8} detail votes{1} (who{8} at{8})...
//          detail: u32 length, bytes; integers little-endian, times in seconds; who: a user, 0: root
#pragma once

#include "kms/keys/open_keys.h"
#include "kms/tokens/approval_service.h"

namespace kms {

struct ApprovalRow {
  enum class State : std::uint8_t { Open = 1, Used = 2, Cancelled = 3 };
  struct Vote {
    std::int64_t who = 0;  // a user; 0: root
    base::Time at{};
  };
  static constexpr std::size_t kVotesMost = 32;
  static constexpr std::size_t kDetailMost = 2048;  // bytes

  std::int64_t key = 0;
  State state = State::Open;
  ApprovalSubject subject;
  base::Time asked{};
  base::Time expires{};
  std::vector<Vote> votes;  // the asker's first
  std::uint32_t revision = 0;
};

base::Bytes encodeApproval(const ApprovalRow& row);
// Pure and bounded. Errors: Corrupt / DatabaseCorrupt.
base::Result<ApprovalRow> decodeApproval(base::BytesView plain);

// The request's name: base32 of its key, 12 characters.
std::string approvalId(std::int64_t key);
std::optional<std::int64_t> parseApprovalId(std::string_view id) noexcept;

// Errors of all that follow: Corrupt / DatabaseCorrupt where a row was altered or moved; those of the store.
base::Result<ApprovalRow> openApproval(OpenKeys& keys, const SealedRow& sealed);
base::Result<std::optional<ApprovalRow>> readApproval(StoreReader& reader, OpenKeys& keys, std::int64_t key);
// Every row.
base::Result<std::vector<ApprovalRow>> readApprovals(StoreReader& reader, OpenKeys& keys);
base::Result<void> writeApproval(Txn& txn, OpenKeys& keys, ApprovalRow& row);  // the next revision

}  // namespace kms
