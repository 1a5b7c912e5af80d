// The keeper opens by shares: they are collected, one drive may do for all, and keys are made of them until
// one opens.
#include <algorithm>

#include "daemon/keeper_impl.h"

namespace kmsd {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using Steady = std::chrono::steady_clock;

namespace {

std::string nameOf(const kms::ShareSet& set) {
  return "the set " + set.id.text() + (set.label.empty() ? "" : " (\"" + set.label + "\")");
}

std::string readSoFar(unsigned count, const kms::ShareSet& set, Reason end) {
  const std::string number = std::to_string(count);
  if (count < set.threshold)
    return number + " of " + std::to_string(set.threshold) + " shares read; insert another one of " +
           nameOf(set);
  if (end == Reason::PassphraseNeeded)
    return number + " shares of " + nameOf(set) +
           " read; they open only together with the passphrase: type kmsctl unseal";
  return number + " shares of " + nameOf(set) +
         " read, and they do not open this database: one of them is wrong; insert another one of it";
}

Error noSuchSet(const std::optional<base::Uuid>& id) {
  return {Code::Denied,
          id ? "the share is of the set " + id->text() +
                   ", which opens nothing here: it was retired, or belongs to another state of the database; "
                   "insert another key medium of this server"
             : "this server has no key in shares; insert a key medium, or type a whole key",
          Reason::KeyMismatch};
}

}  // namespace

Result<std::optional<base::SecretBuffer>> copyOf(const std::optional<base::SecretBuffer>& secret) {
  if (!secret) return std::optional<base::SecretBuffer>();
  auto copy = base::SecretBuffer::copyOf(secret->bytes());
  if (!copy) return std::move(copy).error();
  return std::optional(*std::move(copy));
}

Result<std::vector<kms::ShareSet>> Keeper::Impl::setsFor(const std::optional<base::Uuid>& id) const {
  auto sets = vault_->shareSets ? vault_->shareSets() : std::vector<kms::ShareSet>();
  if (!sets) return sets;
  if (id) std::erase_if(*sets, [&](const kms::ShareSet& set) { return set.id != *id; });
  if (sets->empty()) return noSuchSet(id);
  return sets;
}

Result<base::Uuid> Keeper::Impl::attemptShare(SlotRecord* record, hal::KeyFile file,
                                              const UnsealRequest& request) {
  std::optional<base::Uuid> id;
  if (file.identity && file.identity->server != options_.server) return foreign(file.identity->server);
  if (file.identity) id = file.identity->medium;
  auto sets = setsFor(id);
  if (!sets) return std::move(sets).error();
  markOpener(file, false);
  const std::uint8_t number = file.share->number;
  const std::size_t at =
      desk_.add({std::move(file.key), number, id, record == nullptr ? kTyped : record->slot.id.uri()});
  sharesUntil_ = Steady::now() + options_.sharesKept;
  if (record != nullptr) callOthers(*record);
  return openShares(*sets, at, request);
}

Result<base::Uuid> Keeper::Impl::openShares(const std::vector<kms::ShareSet>& sets,
                                            std::optional<std::size_t> with, const UnsealRequest& request) {
  const kms::ShareSet* next = nullptr;  // that needs the fewest more
  bool tried = false;
  for (const kms::ShareSet& set : sets) {
    const unsigned count = desk_.count(set);
    if (!tried && (next == nullptr || set.threshold - std::min(set.threshold, count) <
                                          next->threshold - std::min(next->threshold, desk_.count(*next))))
      next = &set;
    if (count < set.threshold) continue;
    auto medium = tryShares(set, request.passphrase ? std::nullopt : with, request);
    if (medium || medium.error().reason != Reason::KeyMismatch) return medium;
    tried = true;
    next = &set;
  }
  if (next == nullptr) return noSuchSet(std::nullopt);
  collected_ = Collected{*next, tried ? Reason::KeyMismatch : Reason::SharesNeeded};
  const char* const also = tried && request.passphrase ? "; or the passphrase is wrong" : "";
  return Error{tried ? Code::Denied : Code::Unavailable, progress() + also, collected_->end};
}

Result<base::Uuid> Keeper::Impl::tryShares(const kms::ShareSet& set, std::optional<std::size_t> with,
                                           const UnsealRequest& request) {
  Result<base::Uuid> last = Error{Code::Denied, "these shares do not open the database", Reason::KeyMismatch};
  for (const auto& choice : desk_.choices(set, with)) {
    if (interrupted())
      return Error{Code::Unavailable, "the server was sealed while shares were tried; unseal again",
                   Reason::SealedByCommand};
    auto key = desk_.join(choice);
    if (!key) return std::move(key).error();
    auto passphrase = copyOf(request.passphrase);
    if (!passphrase) return std::move(passphrase).error();
    last = openVault({*std::move(key), kms::MediumRef{options_.server, set.id}, *std::move(passphrase),
                      "the shares that were read"},
                     acceptedBy(request));
    if (last) {
      joined_ = desk_.named(choice);
      tellWrong(set, choice);
      return last;
    }
    if (last.error().reason != Reason::KeyMismatch) {
      collected_ = Collected{set, last.error().reason};
      return last;
    }
    answerAsked();
  }
  return last;
}

void Keeper::Impl::tellWrong(const kms::ShareSet& set, const std::vector<std::size_t>& right) {
  const auto bad = desk_.wrong(set, right);
  if (!bad) return note("Wrong shares could not be looked for: " + bad.error().what);
  for (const auto& share : *bad) {
    const Error why{Code::Denied,
                    "share " + std::to_string(share.number) + " of " + nameOf(set) +
                        " is wrong: it does not fit those that opened the server; replace it",
                    Reason::KeyMismatch};
    if (events_.mediumRefused) events_.mediumRefused(share.where, why);
  }
}

void Keeper::Impl::callOthers(const SlotRecord& record) {
  if (desk_.full()) return;  // or they would take turns for ever
  for (SlotRecord* other : book_.records()) {
    const bool same = other->identity && record.identity && other->identity->server == options_.server &&
                      other->identity->medium == record.identity->medium;
    if (other == &record || !same || desk_.holds(other->slot.id.uri())) continue;
    other->held = false;
    other->refusal.reset();
  }
}

void Keeper::Impl::markOpener(const hal::KeyFile& file, bool passphrase) {
  mark_.reset();
  joined_.clear();
  if (options_.onRemoval != OnRemoval::Grace || (!file.share && !passphrase)) return;
  auto value = base::SecretBuffer::copyOf(file.key.bytes());
  if (value) mark_ = Mark{file.share ? file.share->number : std::uint8_t{0}, *std::move(value)};
}

bool Keeper::Impl::interrupted() const {
  const std::lock_guard lock(mutex_);
  return inbox_.stop || std::ranges::any_of(inbox_.commands, [](const Command& command) {
           return std::holds_alternative<SealCommand>(command);
         });
}

void Keeper::Impl::forgetShares(const std::string& why) {
  desk_.clear();
  collected_.reset();
  for (SlotRecord* record : book_.records())
    if (record->refusal && record->refusal->reason == Reason::SharesNeeded)
      record->refusal->what =
          "its share was read and is forgotten, because no other one came; insert it again";
  note(why);
}

std::string Keeper::Impl::progress() const {
  if (!collected_) return {};
  const unsigned count = desk_.count(collected_->set);
  return count == 0 ? std::string() : readSoFar(count, collected_->set, collected_->end);
}

}  // namespace kmsd
