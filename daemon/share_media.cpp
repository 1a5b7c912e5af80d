#include "daemon/share_media.h"

#include <algorithm>
#include <charconv>
#include <iostream>

#include "daemon/cli.h"
#include "daemon/terminal.h"
#include "hal/base/shamir.h"

namespace kmsd {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr unsigned kMostShares = 16;
constexpr std::size_t kMaxLine = 64;  // bytes

std::uint8_t numberOf(const hal::KeyFile& file) { return file.share ? file.share->number : std::uint8_t{0}; }

bool parseNumber(std::string_view text, std::uint8_t& value) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size();
}

Result<hal::MediumId> writeOnce(const Turn& turn, const hal::KeyFile& file, Consents& consents) {
  auto port = MediumPort::open(turn.uri, true, turn.ask, turn.driverDir);
  if (!port) return std::move(port).error();
  if (!port->removable())
    return Error{Code::Invalid, turn.uri + " takes one medium only; name one URI for each share"};
  auto found = port->look();
  if (!found) return std::move(found).error();
  if (found->identity && found->identity->medium == file.identity->medium)
    return Error{Code::Conflict, "this medium holds a share of the same key already; insert another one",
                 base::Reason::MediumHoldsKey};
  if (found->identity && std::ranges::find(turn.keep, found->identity->medium) != turn.keep.end())
    return Error{Code::Conflict, "this is the medium that opened the server; insert another one",
                 base::Reason::MediumHoldsKey};
  auto consent = agreeTo(*found, consents);
  if (!consent) return std::move(consent).error();
  auto text = hal::formatKeyFile(file);
  if (!text) return std::move(text).error();
  if (auto written = port->write(text->bytes(), *consent, *found); !written)
    return std::move(written).error();
  if (auto same = port->verify(text->bytes()); !same) return std::move(same).error();
  return port->id();
}

}  // namespace

Result<kms::Share> parseShares(std::string_view text) {
  const std::size_t slash = text.find('/');
  kms::Share shares;
  const bool form = slash != std::string_view::npos && parseNumber(text.substr(0, slash), shares.threshold) &&
                    parseNumber(text.substr(slash + 1), shares.total);
  if (form && shares.threshold == 1)
    return Error{Code::Invalid, "--shares 1/" + std::to_string(shares.total) +
                                    " would be copies of one key; make them with 'kmsd medium copy'"};
  if (!form || shares.threshold < 2 || shares.threshold > shares.total || shares.total > kMostShares)
    return Error{Code::Invalid, "--shares takes K/N, such as 2/3: any K of N media open, N at most " +
                                    std::to_string(kMostShares) + "; not '" + std::string(text) + "'"};
  return shares;
}

Result<std::vector<hal::KeyFile>> splitKey(const base::MasterKey& key, const hal::MediumIdentity& set,
                                           const kms::Share& shares, base::Rng& rng) {
  auto parts = base::splitSecret(key.bytes(), shares.threshold, shares.total, rng);
  if (!parts) return std::move(parts).error();
  std::vector<hal::KeyFile> files;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    auto value =
        base::MasterKey::fromBytes(std::as_const((*parts)[i]).bytes().first<base::MasterKey::kSize>());
    if (!value) return std::move(value).error();
    hal::MediumIdentity identity = set;
    identity.label = mediumLabel(set.label, i + 1);
    files.push_back({*std::move(value),
                     std::move(identity),
                     false,
                     {},
                     hal::KeyShare{static_cast<std::uint8_t>(i + 1), shares.threshold}});
  }
  return files;
}

Result<hal::Overwrite> agreeTo(const Found& found, Consents& consents) {
  auto consent = consentFor(found, consents);
  if (consent || consent.error().reason != base::Reason::MediumHoldsKey || !canAsk()) return consent;
  const std::string name = destroyName(found);
  auto typed = askLine(found.id.uri() + " holds a key (" +
                           (found.identity ? found.identity->label + ", " : std::string()) + name +
                           "). To lose it for ever, type its medium id:",
                       kMaxLine, true);
  if (!typed) return std::move(typed).error();
  if (typed->text() != name) return consent;
  consents.destroy.push_back(name);
  return consentFor(found, consents);
}

Result<hal::MediumId> writeTurn(const Turn& turn, const hal::KeyFile& file, Consents& consents) {
  for (;;) {
    auto ready = askLine("Insert the medium for " + turn.name + " (\"" + file.identity->label + "\") into " +
                             turn.uri + ", and press Enter:",
                         kMaxLine, true);
    if (!ready) return std::move(ready).error();
    auto written = writeOnce(turn, file, consents);
    if (written || written.error().code == Code::Invalid ||
        written.error().reason == base::Reason::Interrupted)
      return written;
    std::cerr << "It was not written: " << printable(written.error().what) << "\n";
  }
}

// Typed back: what was copied wrong is found now and not when it is needed.
Result<void> writeToPerson(const hal::KeyFile& file) {
  auto pwd = hal::formatPwd(file.key, numberOf(file));
  if (!pwd) return std::move(pwd).error();
  const std::string_view what = file.share ? "\nThe share of \"" : "\nThe key of \"";
  for (const std::string_view part : {what, std::string_view(file.identity->label),
                                      std::string_view("\". Write it down; it is shown only now:\n\n    "),
                                      pwd->text(), std::string_view("\n\n")}) {
    if (auto shown = showSecret(part); !shown) return shown;
  }
  for (int left = 3; left > 0; --left) {
    auto typed = askLine("Type it from your note:", kMaxLine, false);
    if (!typed) return std::move(typed).error();
    auto key = hal::parseTyped(typed->text());
    if (key && key->share == numberOf(file) && base::equalConstantTime(key->key.bytes(), file.key.bytes()))
      return {};
    if (auto told = showSecret("That is not what was shown.\n"); !told) return told;
  }
  return Error{Code::Denied, "the key was not typed back; no server was made"};
}

}  // namespace kmsd
