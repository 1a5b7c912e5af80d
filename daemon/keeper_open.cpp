// The keeper opens: which medium is tried, when, and what a failure means.
#include <algorithm>

#include "daemon/keeper_impl.h"

namespace kmsd {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using base::SecretBuffer;
using Steady = std::chrono::steady_clock;

namespace {

// "shares 1 (floppy:A:) and 3 (the typed key)"
std::string placesOf(const std::vector<kms::ShareDesk::Named>& shares) {
  std::string list = "shares";
  for (std::size_t i = 0; i < shares.size(); ++i)
    list += (i == 0                   ? " "
             : i + 1 == shares.size() ? " and "
                                      : ", ") +
            std::to_string(shares[i].number) + " (" + shares[i].where + ")";
  return list;
}

std::string wait(std::chrono::steady_clock::duration left) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
  return "try again in " + std::to_string(std::max<long>(1, seconds)) + " s";
}

// May pass by itself, with the same medium in the slot.
bool passing(const Error& why) {
  switch (why.reason) {
    case Reason::MediumBusy:
    case Reason::MediumNotPermitted:
      return true;
    case Reason::None:
      return why.code != Code::Corrupt && why.code != Code::Denied;
    default:
      return false;
  }
}

// Another's guess at the key, or what could hide one; a medium that only asks for more is not slowed down.
bool slowsDown(const Error& why) {
  switch (why.reason) {
    case Reason::PinNeeded:
    case Reason::PinWrong:
    case Reason::PinBlocked:
    case Reason::PinWithheld:
    case Reason::PassphraseNeeded:
    case Reason::SharesNeeded:
      return false;
    default:
      return true;
  }
}

// What is wrong is not the medium: no medium will mend it, and none is slowed down or told of.
bool serversFault(const Error& why) {
  return why.reason == Reason::DatabaseCorrupt || why.reason == Reason::AuditBroken ||
         why.reason == Reason::BackupOlder || why.reason == Reason::BackupForged;
}

Error alreadyOpen() { return {Code::Conflict, "The server is open already."}; }

}  // namespace

Keeper::Impl::Moment Keeper::Impl::notBefore(const SlotRecord& record) const {
  auto at = delays_.notBefore(record.slot.id.uri());
  if (record.identity) at = std::max(at, delays_.notBefore(record.identity->medium.text()));
  if (record.missed) at = std::max(at, *record.missed);
  return at;
}

bool Keeper::Impl::wanted(const SlotRecord& record) const {
  return !open_ && !fault_ && record.there() && !record.held && (!record.refusal || record.retry);
}

void Keeper::Impl::tryNext() {
  for (SlotRecord* record : book_.records()) {
    const auto at = std::max(notBefore(*record), delays_.notBefore(kAuditDisk));
    if (!wanted(*record) || at > Steady::now()) continue;
    auto medium = attempt(*record, UnsealRequest{}, nullptr);
    if (medium) {
      opened(*medium, record);
    } else {
      refused(*record, std::move(medium).error());
    }
    return;
  }
}

Result<void> Keeper::Impl::obeyUnseal(UnsealRequest request) {
  if (!vault_ || lost_) return *fault_;
  if (open_) return alreadyOpen();
  fault_.reset();  // asked for by hand: the database is tried once more
  if (request.pwd) return unsealTyped(std::move(request));
  return unsealInserted(std::move(request));
}

Result<void> Keeper::Impl::unsealTyped(UnsealRequest request) {
  const auto now = Steady::now();
  if (const auto at = delays_.notBefore(kTyped); at > now)
    return Error{Code::Denied, "A typed key was refused a moment ago; " + wait(at - now) + "."};
  auto typed = hal::parseTyped(request.pwd->text());
  request.pwd.reset();
  if (!typed) return std::move(typed).error();  // a slip of the keyboard, found by its check character
  const std::uint8_t share = typed->share;
  auto medium =
      share != 0
          ? attemptShare(nullptr, {std::move(typed->key), {}, false, {}, hal::KeyShare{share, 0}}, request)
          : openVault({std::move(typed->key), std::nullopt, std::move(request.passphrase), kTyped},
                      acceptedBy(request));
  if (medium) {
    delays_.forget(kTyped);
    opened(*medium, nullptr);
    return {};
  }
  if (serversFault(medium.error())) fault_ = medium.error();
  if (medium.error().reason == Reason::KeyMismatch) {
    delays_.refused(kTyped, Steady::now());
    if (events_.mediumRefused) events_.mediumRefused(kTyped, medium.error());
  }
  return std::move(medium).error();
}

Result<void> Keeper::Impl::unsealInserted(UnsealRequest request) {
  std::optional<Error> last;
  std::optional<Error> asked;  // by the first card that would get a typed PIN
  std::optional<Moment> soonest;
  for (SlotRecord* record : book_.records()) {
    if (!record->there()) continue;
    const auto at = notBefore(*record);
    if (at > Steady::now()) {
      soonest = soonest ? std::min(*soonest, at) : at;
      continue;
    }
    auto medium = attempt(*record, request, &request.pin);
    if (medium) {
      opened(*medium, record);
      return {};
    }
    last = medium.error();
    if (!asked && last->reason == Reason::PinNeeded) asked = last;
    refused(*record, std::move(medium).error());
    if (fault_ || unwritable_ || request.pin.given) break;  // the order's PIN was for this card
  }
  // Pulled just now, which the next list tells: as if it were gone already.
  if (last && last->code == Code::NotFound && last->reason == Reason::None && !desk_.empty()) last.reset();
  if (last) return asked && !request.pin.given ? *std::move(asked) : *std::move(last);
  if (!desk_.empty()) return unsealDesk(request);
  if (soonest)
    return Error{Code::Denied,
                 "The medium was refused a moment ago; " + wait(*soonest - Steady::now()) + "."};
  for (const SlotRecord* record : book_.records())
    if (record->slot.error)
      return Error{record->slot.error->code, record->slot.error->what, Reason::AwaitingMedium};
  return Error{Code::NotFound, "No key medium is inserted" + awaited() + ".", Reason::AwaitingMedium};
}

// The shares that were read before, whose media are gone: with a passphrase, for instance.
Result<void> Keeper::Impl::unsealDesk(const UnsealRequest& request) {
  auto sets = setsFor(std::nullopt);
  if (!sets) return std::move(sets).error();
  const auto now = Steady::now();
  for (const kms::ShareSet& set : *sets)
    if (const auto at = delays_.notBefore(set.id.text()); at > now && desk_.count(set) >= set.threshold)
      return Error{Code::Denied, "These shares were refused a moment ago; " + wait(at - now) + "."};
  auto medium = openShares(*sets, std::nullopt, request);
  if (medium) {
    opened(*medium, nullptr);
    return {};
  }
  if (medium.error().reason == Reason::KeyMismatch && collected_)
    delays_.refused(collected_->set.id.text(), Steady::now());
  return std::move(medium).error();
}

Result<SecretBuffer> Keeper::Impl::readAsked(const hal::MediumId& id, PinOrder* order) {
  pins_.begin(order);
  auto text = reader_->read(id);
  const auto kept = pins_.end(text ? nullptr : &text.error());
  if (!kept) note("What became of a card's PIN could not be recorded: " + kept.error().what);
  if (!text && pins_.refusal()) return *pins_.refusal();
  return text;
}

Result<hal::KeyFile> Keeper::Impl::readKey(SlotRecord& record, PinOrder* order) {
  auto text = readAsked(record.slot.id, order);
  if (!text) return std::move(text).error();
  auto file = hal::parseKeyFile(text->bytes());
  text->clear();
  if (!file) return file;
  if (file->identityDamaged)
    note("The [medium] section of the key disk in " + record.slot.id.uri() +
         " is damaged; its key is tried as one typed by hand. Make a copy of the disk.");
  record.identity = file->identity;
  return file;
}

Result<base::Uuid> Keeper::Impl::openVault(kms::KeyOffer offer, const std::string& acceptedBy) {
  unwritable_.reset();
  if (vault_->acceptOlder) vault_->acceptOlder(olderBy());
  tellMedium();
  auto medium = vault_->unseal(std::move(offer));
  if (medium && vault_->settleRestored) {
    auto settled = vault_->settleRestored([this] { answerAsked(); });
    if (!settled) {
      vault_->seal();
      medium = std::move(settled).error();
    }
  }
  if (medium && vault_->verifyAudit) {
    auto sound = vault_->verifyAudit(acceptedBy, [this] { answerAsked(); });
    if (!sound) {
      vault_->seal();
      medium = std::move(sound).error();
    }
  }
  if (!medium && medium.error().reason == Reason::AuditUnwritable) {
    unwritable_ = medium.error();
    delays_.refused(kAuditDisk, Steady::now());
  }
  return medium;
}

Result<base::Uuid> Keeper::Impl::attempt(SlotRecord& record, const UnsealRequest& request, PinOrder* order) {
  auto file = readKey(record, order);
  if (!file) return std::move(file).error();
  const auto now = Steady::now();
  if (const auto at = notBefore(record); at > now)  // refused in another slot
    return Error{Code::Unavailable, "this medium was refused a moment ago; " + wait(at - now)};
  if (file->share) return attemptShare(&record, *std::move(file), request);
  auto passphrase = copyOf(request.passphrase);
  if (!passphrase) return std::move(passphrase).error();
  markOpener(*file, passphrase->has_value());
  askMedium(record);
  kms::KeyOffer offer{std::move(file->key), std::nullopt, *std::move(passphrase), record.slot.id.uri()};
  if (file->identity) offer.id = kms::MediumRef{file->identity->server, file->identity->medium};
  auto medium = openVault(std::move(offer), acceptedBy(request));
  if (medium && said_) {
    noteOnMedium(record, *medium);
  } else {
    said_.reset();
  }
  if (!medium && medium.error().reason == Reason::Foreign && record.identity)
    return foreign(record.identity->server);
  return medium;
}

Error Keeper::Impl::foreign(const base::Uuid& theirs) const {
  const std::string ours = options_.server.text();
  std::string what = "this disk belongs to server " + theirs.text() + ", not to " + ours;
  if (vault_ && vault_->originals)
    what += "; insert its original, " + vault_->originals() +
            ". Where that is lost with every copy, nothing opens this server any more and all users need new "
            "tokens: 'kmsd setup --abandon " +
            ours + "' then puts it aside and keeps everything";
  return {Code::NotMine, what, Reason::Foreign};
}

std::string Keeper::Impl::olderBy() const {
  if (!olderBy_.empty()) return olderBy_;
  return options_.acceptOlder ? "kmsd run --accept-older" : "";
}

void Keeper::Impl::refused(SlotRecord& record, Error why) {
  if (serversFault(why)) {
    fault_ = std::move(why);
    return;
  }
  // Neither is the medium's fault. A seal is next in the inbox; the disk of the audit log may be mended.
  if (why.reason == Reason::SealedByCommand || why.reason == Reason::AuditUnwritable) return;
  const std::string uri = record.slot.id.uri();
  const bool news = !record.refusal || record.refusal->what != why.what;
  const auto now = Steady::now();
  const bool gone = why.code == Code::NotFound && why.reason == Reason::None;
  if (gone && !record.refusal && !record.missed) {
    record.missed = now + options_.refusalDelayFirst;
    record.retry = true;
    return;
  }
  if (slowsDown(why)) {
    const bool waits = notBefore(record) > now;  // refused in another slot: that delay goes on
    if (!waits) delays_.refused(uri, now);
    if (!waits && record.identity && why.reason == Reason::KeyMismatch)
      delays_.refused(record.identity->medium.text(), now);
  }
  record.retry = passing(why);
  record.refusal = why;
  record.refusedAs = ++refusals_;
  // A share that waits for others is no refusal; the state tells of it.
  if (news && why.reason != Reason::SharesNeeded && events_.mediumRefused) events_.mediumRefused(uri, why);
}

void Keeper::Impl::opened(const base::Uuid& medium, SlotRecord* record) {
  open_ = true;
  opener_ = medium;
  by_.clear();
  base_ = Reason::AwaitingMedium;
  openedFrom_ = record == nullptr ? kTyped : record->slot.id.uri();
  if (!joined_.empty()) openedFrom_ = placesOf(joined_);
  delays_.forget(kAuditDisk);
  delays_.forget(medium.text());
  desk_.clear();
  collected_.reset();
  watch(record);
  const bool desk = !joined_.empty();
  joined_.clear();
  mark_.reset();
  if (record == nullptr || desk) noteNowhere();
  if (record == nullptr) return;
  if (const auto known = pins_.opened(); !known)
    note("The card that opened the server could not be recorded, so its PIN will be asked for: " +
         known.error().what);
  record->refusal.reset();
  record->missed.reset();
  record->retry = record->held = false;
  delays_.forget(record->slot.id.uri());
}

void Keeper::Impl::watch(SlotRecord* record) {
  watch_.reset();
  if (options_.onRemoval == OnRemoval::Keep) return;
  Watch watched;
  const auto add = [&watched](const SlotRecord& one) {
    watched.places.push_back({one.slot.id, one.stamp, std::nullopt});
  };
  if (options_.onRemoval == OnRemoval::Seal && !joined_.empty()) {
    for (const SlotRecord* one : book_.records())
      if (std::ranges::any_of(joined_, [&](const auto& share) { return share.where == one->slot.id.uri(); }))
        add(*one);
  } else if (record != nullptr) {
    add(*record);
    if (options_.onRemoval == OnRemoval::Grace) watched.mark = std::move(mark_);
  }
  if (!watched.places.empty()) watch_ = std::move(watched);
}

}  // namespace kmsd
