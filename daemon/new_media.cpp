#include "daemon/new_media.h"

#include <algorithm>

#include "daemon/terminal.h"

namespace kmsd {
namespace {

constexpr std::size_t kMostMedia = 16;

// Of the slot: what it takes to open it.
std::string setLabel(const kms::Share& shares) {
  return std::to_string(shares.threshold) + " of " + std::to_string(shares.total) + " shares";
}

}  // namespace

// What is in it now is looked at when it is written.
base::Result<void> NewMedia::lookAtDrive(const std::string& uri) {
  if (!canAsk())
    return base::Error{base::Code::Unavailable,
                       "several shares in one drive need a terminal to ask for each; or name a medium for "
                       "each share"};
  auto port = MediumPort::open(uri, true, &ask_, driverDir_);
  if (port && !port->removable())
    return base::Error{base::Code::Invalid, uri + " takes one medium only; name one for each share"};
  if (!port && port.error().reason != base::Reason::AwaitingMedium) return std::move(port).error();
  return {};
}

base::Result<void> NewMedia::lookAt(One& one) {
  if (one.inTurn) return lookAtDrive(one.uri);
  if (one.uri == kPromptUri) {
    if (canAsk() && outputIsTerminal()) return {};
    return base::Error{base::Code::Unavailable, "prompt: shows a key, and needs a terminal to show it on"};
  }
  auto port = MediumPort::open(one.uri, true, &ask_, driverDir_);
  if (!port) return std::move(port).error();
  one.port = *std::move(port);
  auto found = one.port->look();
  if (!found) return std::move(found).error();
  one.found = *std::move(found);
  return {};
}

base::Result<void> NewMedia::look(const Wish& wish, Consents consents) {
  shares_ = wish.shares;
  const std::size_t first = std::max<std::size_t>(1, shares_.total);
  std::vector<std::string> uris = wish.media;
  const bool oneDrive = uris.size() == 1 && first > 1;
  if (oneDrive) uris.resize(first, uris.front());
  if (uris.size() != first)
    return base::Error{base::Code::Invalid,
                       first == 1
                           ? "one --medium is the key medium; name the others with --backup-medium"
                           : "name one medium, in whose drive all shares are made one after another, or " +
                                 std::to_string(first) + ", one for each share"};
  uris.insert(uris.end(), wish.backups.begin(), wish.backups.end());
  if (uris.size() > kMostMedia)
    return base::Error{base::Code::Invalid,
                       "at most " + std::to_string(kMostMedia) + " media are made at once"};
  std::vector<Found> found;
  for (const std::string& uri : uris) {
    One one;
    one.uri = uri;
    one.inTurn = oneDrive && media_.size() < first && uri != kPromptUri;
    if (auto looked = lookAt(one); !looked) return looked;
    if (one.port) found.push_back(one.found);
    media_.push_back(std::move(one));
  }
  if (auto distinct = checkDistinct(found); !distinct) return distinct;
  // Of media that come one after another, nobody knows yet which they are.
  if (auto fits = checkDestroy(consents, found); !fits && !oneDrive) return fits;
  for (One& one : media_) {
    if (!one.port) continue;
    auto consent = agreeTo(one.found, consents);
    if (!consent) return std::move(consent).error();
    one.consent = *consent;
  }
  consents_ = std::move(consents);
  return {};
}

base::Result<void> NewMedia::generate(const base::Uuid& server, std::string_view organisation, base::Time now,
                                      base::Rng& rng) {
  std::size_t made = 0;
  if (shares_.split()) {
    auto key = base::MasterKey::generate(rng);
    if (!key) return std::move(key).error();
    split_ = *std::move(key);
    set_ = {server, base::Uuid::generate(rng), std::string(organisation), now};
    auto files = splitKey(*split_, set_, shares_, rng);
    if (!files) return std::move(files).error();
    for (hal::KeyFile& file : *files) media_[made++].file = std::move(file);
  }
  for (; made < media_.size(); ++made) {
    auto key = base::MasterKey::generate(rng);
    if (!key) return std::move(key).error();
    const base::Uuid medium = base::Uuid::generate(rng);
    media_[made].file =
        hal::KeyFile{*std::move(key),
                     hal::MediumIdentity{server, medium, mediumLabel(organisation, made + 1), now},
                     false,
                     {}};
  }
  return {};
}

std::vector<kms::NewSlot> NewMedia::slots() const {
  const base::SecretBuffer* phrase = passphrase_ ? &*passphrase_ : nullptr;
  std::vector<kms::NewSlot> slots;
  if (split_) slots.push_back({&*split_, set_.medium, setLabel(shares_), phrase, shares_});
  for (const One& one : media_)
    if (!one.file->share)
      slots.push_back({&one.file->key, one.file->identity->medium, one.file->identity->label, phrase});
  return slots;
}

base::Result<void> NewMedia::writeOne(One& one) {
  if (one.inTurn) {
    const std::string name =
        "share " + std::to_string(one.file->share->number) + " of " + std::to_string(shares_.total);
    auto id = writeTurn({one.uri, name, &ask_, driverDir_, keep_}, *one.file, consents_);
    if (!id) return std::move(id).error();
    one.written = id->uri();
    return {};
  }
  if (!one.port) return writeToPerson(*one.file);
  auto text = hal::formatKeyFile(*one.file);
  if (!text) return std::move(text).error();
  return one.port->write(text->bytes(), one.consent, one.found);
}

base::Result<void> NewMedia::write() {
  // What loses most comes last: volumes without a key file first, because only writing shows whether other
  // files are on them; then what is made, is empty or may be lost; keys when all else has
  // gone well; and what a person inserts one after another at the very end.
  const auto rank = [](const One* one) {
    if (one->inTurn) return 3;
    return one->found.holding == Holding::NoKey ? 0 : one->found.holding == Holding::Key ? 2 : 1;
  };
  std::vector<One*> order;
  for (One& one : media_) order.push_back(&one);
  std::ranges::stable_sort(order, {}, rank);

  std::string written;
  const auto tell = [&](base::Error error) {
    if (written.empty()) return error;
    if (error.reason == base::Reason::Interrupted) error.what = "interrupted; no server was made";
    error.what += "; already written, with keys that open nothing:" + written;
    return error;
  };
  for (One* one : order) {
    if (auto done = writeOne(*one); !done) return tell(std::move(done).error());
    if (one->port || one->inTurn)
      written += " " + placeOf(*one) + " (" + one->file->identity->medium.text() + ")";
  }
  for (const One& one : media_) {
    if (!one.port) continue;
    auto text = hal::formatKeyFile(*one.file);
    if (!text) return std::move(text).error();
    if (auto same = one.port->verify(text->bytes()); !same) return tell(std::move(same).error());
  }
  return {};
}

std::vector<base::Uuid> NewMedia::held() const {
  std::vector<base::Uuid> ids;
  for (const One& one : media_)
    if (one.found.identity) ids.push_back(one.found.identity->medium);
  return ids;
}

std::string NewMedia::placeOf(const One& one) {
  if (one.inTurn) return one.written;
  return one.port ? one.port->id().uri() : std::string("your note");
}

std::string NewMedia::describe() const {
  std::string lines;
  for (std::size_t i = 0; i < media_.size(); ++i) {
    const One& one = media_[i];
    std::string kind = i == 0 ? "key medium" : "backup medium";
    if (one.file->share)
      kind = "share " + std::to_string(one.file->share->number) + " of " + std::to_string(shares_.total);
    kind.resize(std::max<std::size_t>(kind.size(), 13), ' ');
    lines += "  " + kind + "  " + placeOf(one) + "  " + one.file->identity->medium.text() + "  \"" +
             one.file->identity->label + "\"\n";
  }
  return lines;
}

std::vector<std::string> NewMedia::originalUris() const {
  std::vector<std::string> uris;
  for (const One& one : media_) {
    if (uris.empty() || one.file->share) {
      const std::string uri = one.inTurn ? one.written : one.port ? one.port->id().uri() : one.uri;
      if (std::ranges::find(uris, uri) == uris.end()) uris.push_back(uri);
    }
  }
  return uris;
}

}  // namespace kmsd
