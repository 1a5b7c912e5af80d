// `kmsd medium create`, `copy` and `show`.
#include <charconv>
#include <iostream>

#include "daemon/driver_dir.h"
#include "daemon/harden.h"
#include "daemon/interrupt.h"
#include "daemon/media_port.h"
#include "daemon/operator_ask.h"
#include "daemon/pin_file.h"
#include "daemon/terminal.h"
#include "daemon/verb_medium.h"
#include "hal/base/file.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxTyped = 64;  // bytes

// Looks, asks consentFor, writes, reads back. Says nothing.
base::Result<hal::MediumId> writeMedium(MediumPort& port, base::BytesView text, const Parsed& parsed) {
  const Consents consents{parsed.has("format"), parsed.texts("destroy-key")};
  auto found = port.look();
  if (!found) return std::move(found).error();
  if (auto fits = checkDestroy(consents, {*found}); !fits) return std::move(fits).error();
  auto consent = consentFor(*found, consents);
  if (!consent) return std::move(consent).error();
  if (auto wrote = port.write(text, *consent, *found); !wrote) return std::move(wrote).error();
  if (auto same = port.verify(text); !same) return std::move(same).error();
  return port.id();
}

base::Result<base::SecretBuffer> typedPwd(const Parsed& parsed) {
  if (parsed.has("pwd-file") && parsed.has("type"))
    return base::Error{base::Code::Invalid, "--type and --pwd-file exclude each other"};
  if (parsed.has("pwd-file")) return base::readSecretFile(parsed.text("pwd-file"), kMaxTyped);
  if (!canAsk())
    return base::Error{base::Code::Invalid,
                       "the 14 characters come from a terminal or --pwd-file FILE (- is stdin)"};
  return askLine("Type the 14 characters of the key (nothing is shown):", kMaxTyped, false);
}

// None: a disk as if typed by hand.
base::Result<std::optional<hal::MediumIdentity>> identityOf(const Parsed& parsed) {
  if (!parsed.has("server-id") && !parsed.has("medium-id") && !parsed.has("label"))
    return std::optional<hal::MediumIdentity>();
  const auto server = base::Uuid::parse(parsed.text("server-id"));
  const auto medium = base::Uuid::parse(parsed.text("medium-id"));
  if (!server || !medium)
    return base::Error{base::Code::Invalid,
                       "--server-id UUID and --medium-id UUID are given together or not at all"};
  return std::optional(
      hal::MediumIdentity{*server, *medium, parsed.text("label"), base::systemClock().now()});
}

// Nothing where a whole key was typed.
base::Result<std::optional<hal::KeyShare>> shareOf(const Parsed& parsed, std::uint8_t number) {
  const std::string& text = parsed.text("threshold");
  if (number == 0 && !text.empty())
    return base::Error{base::Code::Invalid, "--threshold is for a share, and a whole key was typed"};
  if (number == 0) return std::optional<hal::KeyShare>();
  hal::KeyShare share{number, 0};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), share.threshold);
  const bool good = failed == std::errc() && end == text.data() + text.size() && share.threshold >= 2;
  if (good || (text.empty() && !parsed.has("server-id"))) return std::optional(share);
  return base::Error{
      base::Code::Invalid,
      "a share's medium with an id needs --threshold K: how many shares open together, 2 to 255"};
}

base::Result<hal::MediumId> create(const Parsed& parsed) {
  auto identity = identityOf(parsed);
  if (!identity) return std::move(identity).error();
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  auto port = MediumPort::open(parsed.arguments().front(), true, &ask, driverDirOf(parsed));
  if (!port) return std::move(port).error();
  auto pwd = typedPwd(parsed);
  if (!pwd) return std::move(pwd).error();
  auto key = hal::parseTyped(pwd->text());
  if (!key) return std::move(key).error();
  auto share = shareOf(parsed, key->share);
  if (!share) return std::move(share).error();
  auto text = hal::formatKeyFile({std::move(key->key), *std::move(identity), false, {}, *share});
  if (!text) return std::move(text).error();
  return writeMedium(*port, text->bytes(), parsed);
}

// A key text that is worth copying.
base::Result<base::SecretBuffer> readSound(MediumPort& port) {
  auto text = port.read();
  if (!text) return text;
  if (auto file = hal::parseKeyFile(text->bytes()); !file) return std::move(file).error();
  return text;
}

// One drive for both disks: only a person can swap them.
base::Result<MediumPort> swapDisks(const std::string& uri, hal::Ask& ask, const Parsed& parsed) {
  if (!canAsk())
    return base::Error{base::Code::Invalid,
                       uri + " is both source and copy; swapping disks needs a terminal"};
  auto swapped = askLine("Take out the disk, insert the one to write, and press Enter:", kMaxTyped, true);
  if (!swapped) return std::move(swapped).error();
  return MediumPort::open(uri, true, &ask, driverDirOf(parsed));
}

base::Result<hal::MediumId> copy(const Parsed& parsed) {
  const std::string& from = parsed.arguments()[0];
  const std::string& to = parsed.arguments()[1];
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  auto source = MediumPort::open(from, false, &ask, driverDirOf(parsed));
  if (!source) return std::move(source).error();
  auto target = MediumPort::open(to, true, &ask, driverDirOf(parsed));
  if (!target) return std::move(target).error();
  Found places[2];
  places[0].id = source->id();
  places[1].id = target->id();
  const auto distinct = checkDistinct({places[0], places[1]});
  if (!distinct && !source->removable()) return distinct.error();
  if (!distinct && !canAsk()) return swapDisks(from, ask, parsed).error();
  auto text = readSound(*source);
  if (!text) return std::move(text).error();
  if (!distinct) {
    target = swapDisks(to, ask, parsed);
    if (!target) return std::move(target).error();
  }
  return writeMedium(*target, text->bytes(), parsed);
}

base::Result<void> show(const Parsed& parsed) {
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  if (!outputIsTerminal() || !canAsk())
    return base::Error{base::Code::Denied, "a key is shown on a terminal only", base::Reason::Forbidden};
  auto port = MediumPort::open(parsed.arguments().front(), false, &ask, driverDirOf(parsed));
  if (!port) return std::move(port).error();
  auto text = port->read();
  if (!text) return std::move(text).error();
  auto file = hal::parseKeyFile(text->bytes());
  if (!file) return std::move(file).error();
  auto sure = askYes(file->share ? "Whoever sees the 14 characters has this share of the key. Show them?"
                                 : "Whoever sees the 14 characters can open the server. Show them?");
  if (!sure) return std::move(sure).error();
  if (!*sure) return base::Error{base::Code::Denied, "nothing was shown", base::Reason::Forbidden};
  auto pwd = hal::formatPwd(file->key, file->share ? file->share->number : std::uint8_t{0});
  if (!pwd) return std::move(pwd).error();
  if (auto shown = showSecret(pwd->text()); !shown) return shown;
  return showSecret("\n");
}

Exit made(const base::Result<hal::MediumId>& written, std::string_view what) {
  if (!written) return fail(written.error());
  std::cout << printable(written->uri()) << " " << what << "; it was read back and is right.\n";
  return Exit::Yes;
}

}  // namespace

Exit mediumCreate(const Parsed& parsed) {
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  return made(create(parsed), "holds the key");
}

Exit mediumCopy(const Parsed& parsed) {
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  const Exit exit = made(copy(parsed), "is an exact copy");
  if (exit == Exit::Yes)
    std::cout << "It has the same id, so 'kmsd rekey' and 'kmsd medium retire' end it together with the "
                 "original.\n";
  return exit;
}

Exit mediumShow(const Parsed& parsed) {
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  if (auto shown = show(parsed); !shown) return fail(shown.error());
  return Exit::Yes;
}

}  // namespace kmsd
