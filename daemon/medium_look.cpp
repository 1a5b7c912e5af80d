// `kmsd medium list` and `kmsd medium check`.
#include <algorithm>
#include <boost/json.hpp>
#include <iostream>

#include "daemon/data_dir.h"
#include "daemon/driver_dir.h"
#include "daemon/harden.h"
#include "daemon/interrupt.h"
#include "daemon/media_port.h"
#include "daemon/operator_ask.h"
#include "daemon/passphrase.h"
#include "daemon/pin_file.h"
#include "daemon/reasons.h"
#include "daemon/terminal.h"
#include "daemon/verb_medium.h"
#include "daemon/verb_slots.h"
#include "hal/base/rfc3339.h"
#include "kms/keys/vault.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxTyped = 64;  // bytes

// A slot and what its medium says of itself.
struct Shown {
  hal::Slot slot;
  std::optional<hal::MediumIdentity> identity;
  bool key = false;
  std::string error;
  std::optional<hal::KeyShare> share{};
};

// No card gets a PIN for that; what it tells anybody is shown.
Shown showSlot(ReaderClient& reader, PinSight& sight, hal::Slot slot) {
  Shown shown{std::move(slot), {}, false, {}};
  if (shown.slot.error) shown.error = shown.slot.error->what;
  if (shown.slot.error || !shown.slot.present) return shown;
  auto text = reader.read(shown.slot.id);
  if (!text) {
    const auto asked = sight.take();
    if (asked && asked->server && asked->medium)
      shown.identity = hal::MediumIdentity{*asked->server, *asked->medium, {}, {}};
    shown.error = asked ? asksForPin(*asked) : text.error().what;
    return shown;
  }
  auto file = hal::parseKeyFile(text->bytes());
  if (!file) {
    shown.error = file.error().what;
    return shown;
  }
  shown.key = true;
  shown.identity = std::move(file->identity);
  shown.share = file->share;
  return shown;
}

json::value orNull(bool there, const std::string& text) {
  return there ? json::value(text) : json::value(nullptr);
}

// What a share says of itself; null for a whole key.
json::value toJson(const std::optional<hal::KeyShare>& share) {
  if (!share) return nullptr;
  return json::object{
      {"number", share->number},
      {"threshold", share->threshold == 0 ? json::value(nullptr) : json::value(share->threshold)}};
}

// "share 2 (any 3 of its set open together)"
std::string shareText(const hal::KeyShare& share) {
  return "share " + std::to_string(share.number) +
         (share.threshold == 0 ? std::string()
                               : " (any " + std::to_string(share.threshold) + " of its set open together)");
}

json::object toJson(const Shown& shown) {
  const auto& id = shown.identity;
  return {{"uri", shown.slot.id.uri()},
          {"driver", shown.slot.id.driver},
          {"slot", shown.slot.id.slot},
          {"present", shown.slot.present},
          {"server", orNull(id.has_value(), id ? id->server.text() : "")},
          {"medium", orNull(id.has_value(), id ? id->medium.text() : "")},
          {"label", id ? id->label : ""},
          {"write_protected", shown.slot.writeProtected},
          {"share", toJson(shown.share)},
          {"error", orNull(!shown.error.empty(), shown.error)}};
}

std::string toLine(const Shown& shown) {
  std::string line = shown.slot.id.uri() + "  ";
  if (!shown.error.empty()) {
    if (shown.identity)
      line +=
          "medium " + shown.identity->medium.text() + " of server " + shown.identity->server.text() + "; ";
    line += shown.error;
  } else if (!shown.slot.present) {
    line += "empty";
  } else if (shown.identity && shown.share) {
    line += shareText(*shown.share) + " of the set " + shown.identity->medium.text() + " \"" +
            shown.identity->label + "\" of server " + shown.identity->server.text();
  } else if (shown.share) {
    line += shareText(*shown.share) + " without an id (typed by hand)";
  } else if (shown.identity) {
    line += "key medium " + shown.identity->medium.text() + " \"" + shown.identity->label + "\" of server " +
            shown.identity->server.text();
  } else {
    line += "key medium without an id (typed by hand)";
  }
  return printable(line) + (shown.slot.writeProtected ? "  (write-protected)" : "");
}

// What `check` found; `opens` only where a data directory was named.
struct Checked {
  hal::KeyFile file;
  std::optional<bool> opens;
};

base::Result<base::SecretBuffer> keyTextOf(const std::string& uri, const Parsed& parsed) {
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  auto port = MediumPort::open(uri, false, &ask, driverDirOf(parsed));
  if (!port) return std::move(port).error();
  return port->read();
}

base::Result<hal::KeyFile> keyOf(const std::string& uri, const Parsed& parsed) {
  if (uri == kPromptUri) {
    auto typed = askLine("Type the 14 characters of the key (nothing is shown):", kMaxTyped, false);
    if (!typed) return std::move(typed).error();
    auto key = hal::parseTyped(typed->text());
    if (!key) return std::move(key).error();
    std::optional<hal::KeyShare> share;
    if (key->share != 0) share = hal::KeyShare{key->share, 0};
    return hal::KeyFile{std::move(key->key), {}, false, {}, share};
  }
  auto text = keyTextOf(uri, parsed);
  if (!text) return std::move(text).error();
  return hal::parseKeyFile(text->bytes());
}

// A share alone opens nothing, and nothing shows whether it is right: only whether its set opens the server.
base::Result<void> checkShare(kms::Store& store, const base::Uuid& server, const hal::KeyFile& file) {
  if (file.identity && file.identity->server != server)
    return base::Error{
        base::Code::NotMine,
        "this share belongs to server " + file.identity->server.text() + ", not to " + server.text(),
        base::Reason::Foreign};
  const auto sets = kms::shareSets(store);
  if (!sets) return base::Error(sets.error());
  const auto known = [&](const kms::ShareSet& set) {
    return !file.identity || set.id == file.identity->medium;
  };
  if (std::ranges::any_of(*sets, known)) return {};
  return base::Error{base::Code::Denied, "no key slot of the server is for this share's set; it was retired",
                     base::Reason::KeyMismatch};
}

// Asks for the passphrase where the slot wants one and somebody can be asked.
base::Result<void> checkOpens(const DataDir& dir, const hal::KeyFile& file, const std::string& uri) {
  auto header = dir.header();
  if (!header) return std::move(header).error();
  auto store = kms::openSqliteStore(dir.database());
  if (!store) return std::move(store).error();
  if (file.share) return checkShare(**store, header->server, file);
  auto key = base::MasterKey::fromBytes(file.key.bytes());
  if (!key) return std::move(key).error();
  kms::KeyOffer offer{*std::move(key), {}, {}, uri};
  if (file.identity) offer.id = kms::MediumRef{file.identity->server, file.identity->medium};
  const kms::Vault vault(**store, header->server, base::systemRng());
  auto opened = vault.check(offer);
  if (!opened && opened.error().reason == base::Reason::PassphraseNeeded && canAsk()) {
    auto words = askPassphrase("Passphrase of the key:");
    if (!words) return std::move(words).error();
    offer.passphrase = *std::move(words);
    opened = vault.check(offer);
  }
  if (!opened) return std::move(opened).error();
  return {};
}

std::string describe(const hal::KeyFile& file) {
  if (file.share && !file.identity)
    return "sound " + shareText(*file.share) +
           (file.identityDamaged ? "; its [medium] section is damaged, so it counts as typed by hand"
                                 : ", without the id of its set (typed by hand)");
  if (file.share)
    return "sound " + shareText(*file.share) + " of the set " + file.identity->medium.text() + " \"" +
           file.identity->label + "\" of server " + file.identity->server.text() + ", made " +
           base::formatTime(file.identity->created);
  if (file.identityDamaged)
    return "valid key; its [medium] section is damaged, so it counts as typed by hand";
  if (!file.identity) return "valid key, without a medium id (typed by hand)";
  return "valid key medium " + file.identity->medium.text() + " \"" + file.identity->label + "\" of server " +
         file.identity->server.text() + ", made " + base::formatTime(file.identity->created);
}

Exit answer(bool asJson, const std::string& uri, const base::Result<hal::KeyFile>& file,
            const base::Result<void>& opens, bool asked) {
  const base::Error* error = !file ? &file.error() : !opens ? &opens.error() : nullptr;
  const Exit exit = error != nullptr ? exitOf(*error) : Exit::Yes;
  if (asJson) {
    json::object all{
        {"uri", uri}, {"valid", bool(file)}, {"server", nullptr}, {"medium", nullptr}, {"label", ""}};
    if (file && file->identity) {
      all["server"] = file->identity->server.text();
      all["medium"] = file->identity->medium.text();
      all["label"] = file->identity->label;
    }
    all["share"] = file ? toJson(file->share) : json::value(nullptr);
    // Nothing shows that of one share.
    all["opens"] =
        asked && file && (!file->share || !opens) ? json::value(bool(opens)) : json::value(nullptr);
    all["reason"] = orNull(error != nullptr, error != nullptr ? std::string(nameOf(*error)) : "");
    all["detail"] = orNull(error != nullptr, error != nullptr ? error->what : "");
    std::cout << json::serialize(all) << "\n";
    return exit;
  }
  if (file) std::cout << printable(uri + ": " + describe(*file)) << "\n";
  const bool named = error != nullptr && error->what.find(uri) != std::string::npos;
  if (error != nullptr) return fail(exit, named ? error->what : uri + ": " + error->what);
  if (asked && file->share) std::cout << "Together with others of its set it opens the server.\n";
  if (asked && !file->share) std::cout << "It opens the server.\n";
  return Exit::Yes;
}

}  // namespace

Exit mediumList(const Parsed& parsed) {
  if (parsed.has("slots")) return listSlots(parsed);
  const InterruptWatch watch;
  PinSight ask;
  ReaderOptions options;
  options.uris = parsed.texts("medium");
  options.driverDir = driverDirOf(parsed);
  ReaderClient::Events events;
  events.ask = &ask;
  auto reader = ReaderClient::start(std::move(options), std::move(events));
  if (!reader) return fail(reader.error());
  auto slots = (*reader)->scan();
  if (!slots) return fail(slots.error());
  std::vector<Shown> all;
  for (hal::Slot& slot : *slots) all.push_back(showSlot(**reader, ask, std::move(slot)));
  const auto drivers = (*reader)->drivers();
  if (parsed.has("json")) {
    json::array items;
    for (const Shown& shown : all) items.emplace_back(toJson(shown));
    json::array known;
    for (const auto& driver : drivers)
      known.emplace_back(
          json::object{{"scheme", driver.scheme}, {"summary", driver.summary}, {"forms", driver.forms}});
    std::cout << json::serialize(json::object{{"items", items}, {"next", nullptr}, {"drivers", known}})
              << "\n";
    return Exit::Yes;
  }
  std::cout << "Media:\n";
  for (const Shown& shown : all) std::cout << "  " << toLine(shown) << "\n";
  if (all.empty()) std::cout << "  none\n";
  std::cout << "Drivers:\n";
  for (const auto& driver : drivers) std::cout << "  " << driver.forms << "  (" << driver.summary << ")\n";
  return Exit::Yes;
}

Exit mediumCheck(const Parsed& parsed) {
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  const std::string& uri = parsed.arguments().front();
  const bool asked = parsed.has("data-dir");
  const auto file = keyOf(uri, parsed);
  base::Result<void> opens;
  if (file && asked) opens = checkOpens(DataDir(parsed.text("data-dir")), *file, uri);
  return answer(parsed.has("json"), uri, file, opens, asked);
}

}  // namespace kmsd
