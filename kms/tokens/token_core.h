// What the parts of TokenService share, one file a verb: token_issue, token_verify, token_change, token_list,
// token_tidy. Those that take a reader run inside a job and are given open keys; a job takes its own
// Vault::Hold.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "kms/tokens/durable_clock.h"
#include "kms/tokens/throttle.h"
#include "kms/tokens/token_row.h"
#include "kms/tokens/token_sequence.h"
#include "kms/tokens/user_row.h"

namespace kms {

class TokenCore {
 public:
  TokenCore(Vault& v, Store& s, const base::Clock& c, base::Rng& r, const Policy& p)
      : vault(v), store(s), rng(r), policy(p), clock(c, p), throttle(c, p) {}

  Vault& vault;
  Store& store;
  base::Rng& rng;
  const Policy& policy;
  DurableClock clock;
  Throttle throttle;
  TokenSequence sequence;
};

// A token and whose it is, as they stand in one view of the store.
struct FoundToken {
  TokenRow row;
  UserRow user;
};

// What a caller presented, after its form was checked.
struct Presented {
  enum class Form : std::uint8_t { Access, OneTime, Accessor };
  Form form = Form::Access;
  base::SecretText text;  // as it was made
  std::string accessor;
  std::string user;  // of one-time tokens
};

// Errors: Invalid. Touches neither keys nor database.
base::Result<Presented> present(TokenRef token, const Policy& policy);

// The token that was presented, in whatever state; nothing where it is unknown or its text is wrong. A
// one-time token costs the same whether its user exists or not.
base::Result<std::optional<FoundToken>> resolve(StoreReader& reader, OpenKeys& keys,
                                                const Presented& presented);
// The same for what names its row by itself: an access token or an accessor. Each row is read in a view of
// its own, the user's after the token's, so that what was answered before this call is seen.
base::Result<std::optional<FoundToken>> resolveAlone(Store& store, OpenKeys& keys,
                                                     const Presented& presented);

// The last one-time token of the user with this name, in whatever state; nothing where there is no such user
// or token, at the same cost.
base::Result<std::optional<FoundToken>> findPending(StoreReader& reader, OpenKeys& keys,
                                                    const std::string& user);

// A claimed token is not, until its claim has lapsed.
bool isActive(const FoundToken& found, base::Time now);
TokenView viewOf(OpenKeys& keys, const FoundToken& found, base::Time now);
bool isHolderOrIssuer(const Actor& by, const FoundToken& found);
base::Error forbidden(std::string what);

// Counts a wrong one-time token for that name, and puts it on record now and then. `then` gets how long the
// answer must be held back; what it is does not depend on whether the record could be written.
void countWrong(TokenCore& core, const std::string& actor, const std::string& user,
                std::function<void(std::chrono::seconds)> then);

// Runs in a job with open keys. Errors: Unavailable / Sealed.
template <class Work>
auto withKeys(TokenCore& core, Work work) -> decltype(work(std::declval<OpenKeys&>())) {
  auto keys = core.vault.hold();
  if (!keys) return std::move(keys).error();
  return work(**keys);
}

}  // namespace kms
