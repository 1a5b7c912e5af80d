#include "kms/tokens/user_service.h"

#include <array>
#include <charconv>

#include "kms/audit/audit.h"
#include "kms/tokens/durable_clock.h"
#include "kms/tokens/fields.h"
#include "kms/tokens/paging.h"
#include "kms/tokens/submit.h"
#include "kms/tokens/user_jobs.h"
#include "kms/tokens/user_row.h"

namespace kms {
namespace {

constexpr std::string_view kLastUser = "last_user";  // the highest id that was given

base::Error forbidden(std::string what) {
  return {base::Code::Denied, std::move(what), base::Reason::Forbidden};
}

base::Result<void> checkFields(const UserChange& fields, const Policy& policy) {
  if (fields.mail)
    if (auto good = checkMail(*fields.mail); !good) return std::move(good).error();
  if (fields.dns)
    if (auto good = checkDnsNames(*fields.dns, policy); !good) return std::move(good).error();
  if (fields.commonName)
    if (auto good = checkCommonName(*fields.commonName); !good) return std::move(good).error();
  if (fields.role && (*fields.role < Role::User || *fields.role > Role::Admin))
    return base::Error{base::Code::Invalid, "a role is admin, issuer, verifier or user"};
  if (fields.uid && fields.clearUid)
    return base::Error{base::Code::Invalid, "a uid cannot be set and cleared at once"};
  return {};
}

// `user` as it is before the change.
base::Result<void> checkRights(const Actor& by, const User& user, const UserChange& fields) {
  if (by.role < Role::Issuer) return forbidden("adding or changing a user needs the role issuer");
  if (by.role == Role::Admin) return {};
  if (user.role > by.role)
    return forbidden("changing a user whose role is above your own needs the role admin");
  if (fields.role && *fields.role != user.role) return forbidden("setting a role needs the role admin");
  if (fields.uid || fields.clearUid) return forbidden("mapping a uid needs the role admin");
  return {};
}

std::array<std::byte, 4> uidBytes(std::uint32_t uid) {
  std::array<std::byte, 4> out{};
  base::storeLe32(out, uid);
  return out;
}

base::Result<void> bindUid(Txn& txn, OpenKeys& keys, User& user, const UserChange& fields) {
  if (!fields.uid && !fields.clearUid) return {};
  if (user.uid == fields.uid) return {};
  if (user.uid)
    if (auto gone = txn.unbind(Index::UserUid, keys.indexMac(Index::UserUid, uidBytes(*user.uid))); !gone)
      return std::move(gone).error();
  user.uid = fields.uid;
  if (!user.uid) return {};
  auto bound = txn.bind(Index::UserUid, keys.indexMac(Index::UserUid, uidBytes(*user.uid)), user.id);
  if (!bound && bound.error().code == base::Code::Conflict)
    return base::Error{base::Code::Conflict,
                       "the uid " + std::to_string(*user.uid) + " is mapped to another user"};
  return bound;
}

base::Result<void> apply(Txn& txn, OpenKeys& keys, User& user, const UserChange& fields) {
  if (fields.mail) user.mail = *fields.mail;
  if (fields.dns) user.dns = *fields.dns;
  if (fields.commonName) user.commonName = *fields.commonName;
  if (fields.role) user.role = *fields.role;
  return bindUid(txn, keys, user, fields);
}

std::string describe(const UserChange& fields) {
  std::string out;
  const auto add = [&](std::string_view what) { out.append(out.empty() ? "" : ", ").append(what); };
  if (fields.role) add("role " + std::string(roleName(*fields.role)));
  if (fields.uid) add("uid " + std::to_string(*fields.uid));
  if (fields.clearUid) add("no uid");
  if (fields.mail) add("mail");
  if (fields.dns) add("dns");
  if (fields.commonName) add("common name");
  return out;
}

base::Result<User> changeUser(Txn& txn, OpenKeys& keys, const Actor& by, const std::string& name,
                              const UserChange& fields, base::Time now) {
  auto row = findUser(txn, keys, name);
  if (!row) return std::move(row).error();
  if (!*row) return noSuchUser(name);
  if (auto allowed = checkRights(by, (*row)->user, fields); !allowed) return std::move(allowed).error();
  if (auto applied = apply(txn, keys, (*row)->user, fields); !applied) return std::move(applied).error();
  if (auto written = writeUser(txn, keys, **row); !written) return std::move(written).error();
  auto recorded = record(txn, now, {Event::UserChanged, by.name, name, describe(fields)});
  if (!recorded) return std::move(recorded).error();
  return shownUser(**row, now);
}

}  // namespace

base::Result<void> checkUser(const std::string& name, const UserChange& fields, const Policy& policy) {
  if (auto good = checkUserName(name, policy); !good) return good;
  return checkFields(fields, policy);
}

base::Result<UserRow> insertUser(Txn& txn, OpenKeys& keys, const Actor& by, const std::string& name,
                                 const UserChange& fields, base::Time now) {
  auto last = txn.number(kLastUser);
  if (!last) return std::move(last).error();
  UserRow row;
  row.user.id = last->value_or(0) + 1;
  row.user.name = name;
  row.user.createdAt = now;
  // The counter is not sealed: whoever can write the file could wind it back, and hand a user's id to
  // another.
  auto taken = txn.get(Table::Users, row.user.id);
  if (!taken) return std::move(taken).error();
  if (*taken) return corruptRow("the counter of users was set back");
  if (auto set = txn.setNumber(kLastUser, row.user.id); !set) return std::move(set).error();
  auto bound = txn.bind(Index::UserName, keys.indexMac(Index::UserName, base::asBytes(name)), row.user.id);
  if (!bound && bound.error().code == base::Code::Conflict)
    return base::Error{base::Code::Conflict, "there is a user " + name + " already"};
  if (!bound) return std::move(bound).error();
  if (auto applied = apply(txn, keys, row.user, fields); !applied) return std::move(applied).error();
  if (auto written = writeUser(txn, keys, row); !written) return std::move(written).error();
  auto recorded = record(txn, now, {Event::UserAdded, by.name, name, describe(fields)});
  if (!recorded) return std::move(recorded).error();
  return row;
}

UserService::UserService(Vault& vault, Store& store, const base::Clock& clock, const Policy& policy)
    : vault_(vault), store_(store), clock_(clock), policy_(policy) {}

void UserService::add(const Actor& by, std::string name, UserChange fields, Reply<User> reply) {
  if (auto good = checkUserName(name, policy_); !good) return reply(std::move(good).error());
  if (auto good = checkFields(fields, policy_); !good) return reply(std::move(good).error());
  if (auto allowed = checkRights(by, User{}, fields); !allowed) return reply(std::move(allowed).error());
  submit<User>(
      store_,
      [this, by, name = std::move(name), fields = std::move(fields)](Txn& txn) -> base::Result<User> {
        auto keys = vault_.hold();
        if (!keys) return std::move(keys).error();
        auto now = DurableClock(clock_, policy_).now(txn);
        if (!now) return std::move(now).error();
        auto row = insertUser(txn, **keys, by, name, fields, *now);
        if (!row) return std::move(row).error();
        return shownUser(*row, *now);
      },
      std::move(reply));
}

void UserService::change(const Actor& by, const std::string& name, UserChange fields, Reply<User> reply) {
  if (auto good = checkFields(fields, policy_); !good) return reply(std::move(good).error());
  if (by.role < Role::Issuer) return reply(forbidden("changing a user needs the role issuer"));
  submit<User>(
      store_,
      [this, by, name, fields = std::move(fields)](Txn& txn) -> base::Result<User> {
        auto keys = vault_.hold();
        if (!keys) return std::move(keys).error();
        auto now = DurableClock(clock_, policy_).now(txn);
        if (!now) return std::move(now).error();
        return changeUser(txn, **keys, by, name, fields, *now);
      },
      std::move(reply));
}

base::Result<User> UserService::show(const std::string& name) {
  return guarded([&]() -> base::Result<User> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    User user;
    auto done = store_.read([&](StoreReader& reader) -> base::Result<void> {
      auto now = DurableClock(clock_, policy_).now(reader);
      if (!now) return std::move(now).error();
      auto row = findUser(reader, **keys, name);
      if (!row) return std::move(row).error();
      if (!*row) return noSuchUser(name);
      user = shownUser(**row, *now);
      return {};
    });
    if (!done) return std::move(done).error();
    return user;
  });
}

base::Result<Page<User>> UserService::list(const std::string& after, std::size_t limit) {
  auto most = pageLimit(limit, policy_);
  if (!most) return std::move(most).error();
  std::int64_t from = 0;
  if (!after.empty()) {
    const auto [end, bad] = std::from_chars(after.data(), after.data() + after.size(), from);
    if (bad != std::errc() || end != after.data() + after.size() || from < 0) return badAfter();
  }
  return guarded([&]() -> base::Result<Page<User>> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    Page<User> page;
    auto done = store_.read([&](StoreReader& reader) -> base::Result<void> {
      auto now = DurableClock(clock_, policy_).now(reader);
      if (!now) return std::move(now).error();
      auto rows = reader.list(Table::Users, from, *most + 1);
      if (!rows) return std::move(rows).error();
      for (const auto& sealed : *rows) {
        if (page.items.size() == *most) {
          page.next = std::to_string(page.items.back().id);
          break;
        }
        auto row = openUser(**keys, sealed);
        if (!row) return std::move(row).error();
        page.items.push_back(shownUser(*row, *now));
      }
      return {};
    });
    if (!done) return std::move(done).error();
    return page;
  });
}

std::optional<Actor> UserService::actorForUid(std::uint32_t uid) {
  std::optional<Actor> actor;
  const auto done = guarded([&]() -> base::Result<void> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    return store_.read([&](StoreReader& reader) -> base::Result<void> {
      auto row = findUser(reader, **keys, uid);
      if (!row) return std::move(row).error();
      if (*row) actor = Actor{"user " + (*row)->user.name, (*row)->user.role, (*row)->user.id};
      return {};
    });
  });
  return done ? actor : std::nullopt;
}

}  // namespace kms
