#include "daemon/new_media.h"

#include <algorithm>

#include "daemon/terminal.h"

namespace kmsd {
namespace {

// Shown once, typed back: what was copied wrong is found now and not when it is needed.
base::Result<void> writeToPerson(const hal::KeyFile& file) {
  auto pwd = hal::formatPwd(file.key);
  if (!pwd) return std::move(pwd).error();
  for (const std::string_view part :
       {std::string_view("\nThe key of \""), std::string_view(file.identity->label),
        std::string_view("\". Write it down; it is shown only now:\n\n    "), pwd->text(),
        std::string_view("\n\n")}) {
    if (auto shown = showSecret(part); !shown) return shown;
  }
  for (int left = 3; left > 0; --left) {
    auto typed = askLine("Type it from your note:", 64, false);
    if (!typed) return std::move(typed).error();
    auto key = hal::parsePwd(typed->text());
    if (key && base::equalConstantTime(key->bytes(), file.key.bytes())) return {};
    if (auto told = showSecret("That is not the key that was shown.\n"); !told) return told;
  }
  return base::Error{base::Code::Denied, "the key was not typed back; no server was made"};
}

}  // namespace

base::Result<void> NewMedia::lookAt(One& one) {
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

// Takes the consent given by options, or asks for it.
base::Result<void> NewMedia::agree(One& one, Consents& consents) {
  if (!one.port) return {};
  auto consent = consentFor(one.found, consents);
  if (!consent && consent.error().reason == base::Reason::MediumHoldsKey && canAsk()) {
    const std::string name = destroyName(one.found);
    auto typed = askLine(one.found.id.uri() + " holds a key (" +
                             (one.found.identity ? one.found.identity->label + ", " : std::string()) + name +
                             "). To lose it for ever, type its medium id:",
                         64, true);
    if (!typed) return std::move(typed).error();
    if (typed->text() != name) return std::move(consent).error();
    consents.destroy.push_back(name);
    consent = consentFor(one.found, consents);
  }
  if (!consent) return std::move(consent).error();
  one.consent = *consent;
  return {};
}

base::Result<void> NewMedia::look(const std::vector<std::string>& uris, Consents consents) {
  std::vector<Found> found;
  for (const std::string& uri : uris) {
    One one;
    one.uri = uri;
    if (auto looked = lookAt(one); !looked) return looked;
    if (one.port) found.push_back(one.found);
    media_.push_back(std::move(one));
  }
  if (auto distinct = checkDistinct(found); !distinct) return distinct;
  if (auto fits = checkDestroy(consents, found); !fits) return fits;
  for (One& one : media_)
    if (auto agreed = agree(one, consents); !agreed) return agreed;
  return {};
}

base::Result<void> NewMedia::generate(const base::Uuid& server, std::string_view organisation, base::Time now,
                                      base::Rng& rng) {
  for (std::size_t i = 0; i < media_.size(); ++i) {
    auto key = base::MasterKey::generate(rng);
    if (!key) return std::move(key).error();
    const base::Uuid medium = base::Uuid::generate(rng);
    media_[i].file = hal::KeyFile{*std::move(key),
                                  hal::MediumIdentity{server, medium, mediumLabel(organisation, i + 1), now},
                                  false,
                                  {}};
  }
  return {};
}

std::vector<kms::NewSlot> NewMedia::slots() const {
  std::vector<kms::NewSlot> slots;
  for (const One& one : media_)
    slots.push_back({&one.file->key, one.file->identity->medium, one.file->identity->label});
  return slots;
}

base::Result<void> NewMedia::writeOne(One& one) {
  if (!one.port) return writeToPerson(*one.file);
  auto text = hal::formatKeyFile(*one.file);
  if (!text) return std::move(text).error();
  return one.port->write(text->bytes(), one.consent, one.found);
}

base::Result<void> NewMedia::write() {
  // What loses most comes last: volumes without a key file first, because only writing shows whether other
  // files are on them; then what is made, is empty or may be lost; keys at the very end, when all else has
  // gone well.
  const auto rank = [](const One* one) {
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
    if (one->port) written += " " + one->port->id().uri() + " (" + one->file->identity->medium.text() + ")";
  }
  for (const One& one : media_) {
    if (!one.port) continue;
    auto text = hal::formatKeyFile(*one.file);
    if (!text) return std::move(text).error();
    if (auto same = one.port->verify(text->bytes()); !same) return tell(std::move(same).error());
  }
  return {};
}

std::string NewMedia::describe() const {
  std::string lines;
  for (std::size_t i = 0; i < media_.size(); ++i) {
    const One& one = media_[i];
    lines += std::string(i == 0 ? "  key medium     " : "  backup medium  ") +
             (one.port ? one.port->id().uri() : std::string("your note")) + "  " +
             one.file->identity->medium.text() + "  \"" + one.file->identity->label + "\"\n";
  }
  return lines;
}

std::string NewMedia::originalUri() const {
  const One& first = media_.front();
  return first.port ? first.port->id().uri() : first.uri;
}

}  // namespace kmsd
