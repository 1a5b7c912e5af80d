#include "daemon/shown_medium.h"

#include <utility>

#include "daemon/act_as_owner.h"
#include "daemon/passphrase.h"
#include "daemon/terminal.h"
#include "hal/base/rng.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxTyped = 64;  // bytes

base::Result<ShownMedium> typedMedium() {
  if (!canAsk()) return base::Error{base::Code::Unavailable, "prompt: needs a terminal to type the key at"};
  auto typed = askLine("Type the 14 characters of the key (nothing is shown):", kMaxTyped, false);
  if (!typed) return std::move(typed).error();
  auto key = hal::parseTyped(typed->text());
  if (!key) return std::move(key).error();
  return ShownMedium{std::string(kPromptUri), {}, true, std::move(key->key), {}, "typed", {}, {}, key->share};
}

base::Result<kms::SlotDesk> tryDesk(const OfflineServer& server, ShownMedium& shown) {
  auto offer = shown.offer();
  if (!offer) return std::move(offer).error();
  const ActAsOwner owner(server.dir().root());
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  auto desk = kms::SlotDesk::open(server.store(), server.header().server, *offer, base::systemClock(),
                                  base::systemRng());
  if (desk) shown.medium = desk->medium();
  return desk;
}

}  // namespace

base::Result<kms::KeyOffer> ShownMedium::offer() const {
  auto copy = base::MasterKey::fromBytes(key.bytes());
  if (!copy) return std::move(copy).error();
  kms::KeyOffer made{*std::move(copy), id, std::nullopt, uri};
  if (!passphrase) return made;
  auto words = base::SecretBuffer::copyOf(passphrase->bytes());
  if (!words) return std::move(words).error();
  made.passphrase = *std::move(words);
  return made;
}

base::Result<ShownMedium> readShown(const std::string& uri, hal::Ask& ask,
                                    const std::filesystem::path& driverDir) {
  if (uri == kPromptUri) return typedMedium();
  auto port = MediumPort::open(uri, false, &ask, driverDir);
  if (!port) return std::move(port).error();
  auto text = port->read();
  if (!text) return std::move(text).error();
  auto file = hal::parseKeyFile(text->bytes());
  if (!file) return std::move(file).error();
  ShownMedium shown{port->id().uri(),
                    port->id(),
                    port->removable(),
                    std::move(file->key),
                    {},
                    {},
                    {},
                    {},
                    file->share ? file->share->number : std::uint8_t{0}};
  if (file->identity) {
    shown.id = kms::MediumRef{file->identity->server, file->identity->medium};
    shown.label = file->identity->label;
  }
  return shown;
}

base::Result<kms::SlotDesk> openDesk(const OfflineServer& server, ShownMedium& shown) {
  auto desk = tryDesk(server, shown);
  if (desk || desk.error().reason != base::Reason::PassphraseNeeded || !canAsk()) return desk;
  auto words = askPassphrase("Passphrase of " + (shown.label.empty() ? shown.uri : shown.label) + ":");
  if (!words) return std::move(words).error();
  shown.passphrase = *std::move(words);
  return tryDesk(server, shown);
}

}  // namespace kmsd
