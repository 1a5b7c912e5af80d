// `kmsd rotate` and `kmsd rekey`.
#include <algorithm>
#include <iostream>

#include "daemon/act_as_owner.h"
#include "daemon/driver_dir.h"
#include "daemon/harden.h"
#include "daemon/interrupt.h"
#include "daemon/operator_ask.h"
#include "daemon/pin_file.h"
#include "daemon/port_writer.h"
#include "daemon/renewal.h"
#include "daemon/terminal.h"
#include "daemon/verb_slots.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxTyped = 64;  // bytes
constexpr std::string_view kInPlaceWord = "only";

base::Result<void> rotate(const Parsed& parsed) {
  auto server = OfflineServer::open(parsed.text(kDataDirOption.name));
  if (!server) return std::move(server).error();
  const auto leaving = droppedMedia(parsed, *server);
  if (!leaving) return base::Error(leaving.error());
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  MediaRound round(*server, ask, driverDirOf(parsed));
  if (auto shown = round.show(parsed.texts(kShownOption.name)); !shown) return shown;
  const auto finished = finishRenewal(*server, round);
  if (!finished) return base::Error(finished.error());
  if (*finished) {
    std::cout << "Run the command again for another new root key.\n";
    return {};
  }
  if (auto done = renewRootKey(*server, round, *leaving); !done) return done;
  return parsed.has("tokens") ? renewTokenKeys(*server, round) : base::Result<void>();
}

// Whether the key on the medium may be written over where it lies.
base::Result<void> allowInPlace(const MediaRound& round, const ShownMedium& old) {
  const bool other = std::ranges::any_of(
      round.shown(), [&](const ShownMedium& shown) { return shown.medium != old.medium; });
  if (other) return {};
  const base::Error refused{base::Code::Denied,
                            "no other medium was shown to open the server; name one with --medium, so that "
                            "nothing is lost if this one fails while it is written",
                            base::Reason::Forbidden};
  if (!canAsk()) return refused;
  auto typed =
      askLine("No other medium was shown to open the server. If " + old.uri +
                  " fails while it is written, all that the server keeps may be lost. To go on, type '" +
                  std::string(kInPlaceWord) + "':",
              kMaxTyped, true);
  if (!typed) return std::move(typed).error();
  if (typed->text() != kInPlaceWord) return refused;
  return {};
}

base::Result<ShownMedium> shownOf(Made made, const PortWriter& writer, const std::string& label,
                                  const OfflineServer& server, bool removable) {
  return ShownMedium{writer.found().id.uri(),
                     writer.found().id,
                     removable,
                     std::move(made.key),
                     kms::MediumRef{server.header().server, made.medium},
                     label,
                     {},
                     made.medium};
}

base::Result<void> rekey(const Parsed& parsed) {
  const std::string& uri = parsed.arguments().front();
  auto server = OfflineServer::open(parsed.text(kDataDirOption.name));
  if (!server) return std::move(server).error();
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  // The others first: in one drive the medium that is written comes last, and stays.
  MediaRound round(*server, ask, driverDirOf(parsed));
  if (const auto uris = parsed.texts(kShownOption.name); !uris.empty())
    if (auto shown = round.show(uris); !shown) return shown;
  const auto leaving = droppedMedia(parsed, *server);
  if (!leaving) return base::Error(leaving.error());
  auto old = readShown(uri, ask, driverDirOf(parsed));
  if (!old) return std::move(old).error();
  if (old->share != 0)
    return base::Error{base::Code::Unsupported, old->uri +
                                                    " holds a share: make another set of shares, then retire "
                                                    "the old one"};
  auto desk = openDesk(*server, *old);
  if (!desk) return std::move(desk).error();
  if (auto allowed = allowInPlace(round, *old); !allowed) return allowed;
  if (old->passphrase)
    return base::Error{base::Code::Unsupported,
                       "a medium with a passphrase is replaced: make another with 'kmsd medium add', then "
                       "'kmsd medium retire " +
                           old->medium.text() + "'"};

  PortWriter writer(uri, ask, driverDirOf(parsed));
  const std::string name = old->id ? old->id->medium.text() : std::string(kUnnamed);
  if (auto fit = writer.look({false, {name}}); !fit) return fit;
  NewMedium wanted{server->header().server, old->label, nullptr, {}};
  if (wanted.label.empty() || !old->id) wanted.label = mediumLabel(server->header().organisation, 1);
  const base::Uuid gone = old->medium;
  auto made = rekeyMedium(*desk, gone, wanted, writer, [&](const base::Uuid& medium) {
    return server->records(kms::Event::MediumRekeyed, medium.text(), "in the place of " + gone.text());
  });
  if (!made) return std::move(made).error();
  std::cout << printable(writer.found().id.uri()) << " has a new key and the id " << made->medium.text()
            << "; it was read back, and opens the server.\nAll copies of " << gone.text()
            << " open this database no more.\n";
  if (parsed.has(kNoRotateOption.name)) {
    std::cout << withoutRotation() << "\n";
    return {};
  }
  auto shown = shownOf(*std::move(made), writer, wanted.label, *server, old->removable);
  if (!shown) return std::move(shown).error();
  round.drop(gone);
  if (auto taken = round.take(*std::move(shown)); !taken) return taken;
  if (auto done = finishRenewal(*server, round); !done) return std::move(done).error();
  auto rotated = renewRootKey(*server, round, *leaving);
  if (rotated) return rotated;
  base::Error why = std::move(rotated).error();
  why.what += ". The medium has its new key all the same; 'kmsd rotate' renews the root key";
  return why;
}

Exit runRotate(const Parsed& parsed) {
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  const auto done = rotate(parsed);
  return done ? Exit::Yes : fail(done.error());
}

Exit runRekey(const Parsed& parsed) {
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  const auto done = rekey(parsed);
  return done ? Exit::Yes : fail(done.error());
}

constexpr OptionSpec kRotateOptions[] = {
    kDataDirOption,
    kShownOption,
    kDropOption,
    {"tokens", "", "begin a new generation of the token keys, too; tokens of before count until they expire",
     "", false, false, true},
    kPinFileOption,
    kDriverDirOption};
constexpr OptionSpec kRekeyOptions[] = {kDataDirOption,  kShownOption,   kDropOption,
                                        kNoRotateOption, kPinFileOption, kDriverDirOption};
constexpr ArgumentSpec kUri[] = {{"URI", "the medium that gets another key"}};

}  // namespace

const VerbSpec kRotateVerb = {
    "rotate",
    "make a new root key; old copies of the database open nothing of today's then",
    {},
    kRotateOptions,
    "kmsd rotate --medium floppy:A:          # asks for the disks that stay, one after another\n"
    "kmsd rotate --medium floppy:A: --medium image:/mnt/safe/backup.img --tokens  # both stay\n",
    runRotate};

const VerbSpec kRekeyVerb = {
    "rekey",
    "give one medium another key; copies of it open nothing then",
    kUri,
    kRekeyOptions,
    "kmsd rekey floppy:A: --medium image:/mnt/safe/backup.img   # the backup was just shown to open\n"
    "kmsd rekey floppy:A: --medium card: --no-rotate            # the root key stays the old one\n",
    runRekey};

}  // namespace kmsd
