// ApprovalService: what one administrator asks for and several must agree to (Policy::recoveryApprovals). The
// first try of what needs it makes the request, which counts as its asker's own approval; others approve; the
// asker tries again, and that uses the request up. Safe to use from several threads.
//
// Administrators are counted as people: users with the role admin, whatever token, certificate or uid they
// come with, and root, who is one with the daemon's own uid, and one with the user that uid 0 is mapped to. A
// uid of the group of administrators that is mapped to nobody counts as nobody. Whoever is no administrator
// any more when the request is used does not count.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kms/tokens/user_service.h"

namespace kms {

class TokenCore;  // kms/tokens/token_core.h

// The numbers stand in sealed rows.
enum class ApprovalKind : std::uint8_t { RecoverToken = 1, AuthorityRollover = 2, UserExport = 3 };
std::string_view approvalKindName(
    ApprovalKind kind) noexcept;  // "recover_token", "ca_rollover", "user_export"

// What is asked for. It is approved as it stands: one that differs in anything is another one.
struct ApprovalSubject {
  ApprovalKind kind{};
  std::int64_t user = 0;  // whom it is about; 0: nobody
  std::string detail;     // whatever else matters, in the same words each time: "ttl 259200"
};

enum class ApprovalState : std::uint8_t { Open, Approved, Used, Cancelled, Expired };
std::string_view approvalStateName(ApprovalState state) noexcept;  // "open"

struct ApprovalVote {
  std::string by;  // "alice", "root"
  base::Time at{};
  bool counts = false;  // is an administrator now
};

struct ApprovalView {
  std::string id;
  ApprovalKind kind{};
  std::string user;  // empty: nobody
  std::string detail;
  std::string askedBy;
  base::Time askedAt{};
  base::Time expiresAt{};
  ApprovalState state{};
  unsigned needed = 0;
  unsigned given = 0;               // by those who count
  std::vector<ApprovalVote> votes;  // the asker's first
};

// As TokenService: what changes something replies after the disk has it, with an audit entry in the same
// transaction, and the caller holds no Vault::Hold. Errors of all: Denied / Forbidden (the role admin);
// Unavailable / Sealed; Corrupt / DatabaseCorrupt; those of the store.
class ApprovalService {
 public:
  explicit ApprovalService(TokenCore& core) noexcept : core_(core) {}

  // By another administrator than those who have approved. Errors: NotFound; Denied / ApprovalClosed (used,
  // cancelled, expired); Conflict (approved by this person before); Denied / Forbidden (counts as nobody).
  void approve(const Actor& by, const std::string& id, Reply<ApprovalView> reply);
  // By any administrator. Errors: NotFound; Denied / ApprovalClosed.
  void cancel(const Actor& by, const std::string& id, Reply<ApprovalView> reply);
  // Errors: NotFound.
  base::Result<ApprovalView> show(const Actor& by, const std::string& id);
  // The oldest first. `after`, `limit`: as TokenService::list. Errors: Invalid.
  base::Result<Page<ApprovalView>> list(const Actor& by, const std::string& after, std::size_t limit);

  // For what takes its time between being allowed and being done. Neither has anything to do where the policy
  // asks for no approvals.
  //
  // Whether it may go on; uses nothing up. Waits for the disk. Errors: Denied / ApprovalNeeded, which is on
  // record then and says how many are missing; Denied / Forbidden; Unavailable / ClockBack.
  base::Result<void> ask(const Actor& by, const ApprovalSubject& subject);
  // Uses the approval up, inside the job that does what was asked for: both are written, or neither. Errors:
  // Denied / ApprovalNeeded (it was used, cancelled or has expired meanwhile), Forbidden.
  base::Result<void> spend(Txn& txn, OpenKeys& keys, const Actor& by, const ApprovalSubject& subject,
                           base::Time now);

 private:
  TokenCore& core_;
};

}  // namespace kms
