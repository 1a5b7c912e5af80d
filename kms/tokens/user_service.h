// UserService: the people and machines of the organisation. Safe to use from several threads.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hal/base/clock.h"
#include "kms/keys/vault.h"
#include "kms/store/store.h"
#include "kms/tokens/actor.h"
#include "kms/tokens/policy.h"

namespace kms {

template <class T>
using Reply = std::function<void(base::Result<T>)>;

struct User {
  std::int64_t id = 0;
  std::string name;  // 1..255 bytes of UTF-8, no control characters; unique to the byte
  std::string mail;
  std::vector<std::string> dns;
  std::string commonName;  // of its certificates; the name where empty
  Role role = Role::User;
  std::optional<std::uint32_t> uid;  // of this host: that uid is this user on the socket
  base::Time createdAt{};
  bool pending = false;  // a one-time token waits to be used
};

// What to change; absent fields stay.
struct UserChange {
  std::optional<std::string> mail{};
  std::optional<std::vector<std::string>> dns{};
  std::optional<std::string> commonName{};
  std::optional<Role> role{};
  std::optional<std::uint32_t> uid{};
  bool clearUid = false;
};

template <class T>
struct Page {
  std::vector<T> items;
  std::optional<std::string> next;  // pass as `after`; none at the end
};

class UserService {
 public:
  UserService(Vault& vault, Store& store, const base::Clock& clock, const Policy& policy);

  // Errors: Invalid (a field); Conflict (name or uid taken); Denied / Forbidden; Unavailable / Sealed.
  // Issuers add users of role User and change the mail, DNS names and common name of users not above
  // themselves. Only admins set other roles, and only admins map a uid, because whoever has that uid then is
  // that user. The caller must hold no Vault::Hold; `reply` runs on this thread or on the writer's.
  void add(const Actor& by, std::string name, UserChange fields, Reply<User> reply);
  // Errors: those, and NotFound.
  void change(const Actor& by, const std::string& name, UserChange fields, Reply<User> reply);
  // Errors: NotFound; Corrupt / DatabaseCorrupt; Unavailable / Sealed.
  base::Result<User> show(const std::string& name);
  // In the order in which they were added. `after`: what `next` said, or empty. `limit`: 1 to
  // policy.pageMost, or 0 for policy.page. Errors: Invalid; as show.
  base::Result<Page<User>> list(const std::string& after, std::size_t limit);
  // The user mapped to this uid, if any; nothing while sealed.
  std::optional<Actor> actorForUid(std::uint32_t uid);

 private:
  Vault& vault_;
  Store& store_;
  const base::Clock& clock_;
  const Policy& policy_;
};

}  // namespace kms
