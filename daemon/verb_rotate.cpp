// `kmsd rotate` and `kmsd rekey`.
#include <algorithm>
#include <iostream>

#include "daemon/act_as_owner.h"
#include "daemon/drive_swap.h"
#include "daemon/driver_dir.h"
#include "daemon/harden.h"
#include "daemon/interrupt.h"
#include "daemon/operator_ask.h"
#include "daemon/passphrase.h"
#include "daemon/pin_file.h"
#include "daemon/port_writer.h"
#include "daemon/renewal.h"
#include "daemon/slot_cost.h"
#include "daemon/terminal.h"
#include "daemon/verb_slots.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxTyped = 64;  // bytes
constexpr std::string_view kInPlaceWord = "only";

base::Result<void> rotate(const Parsed& parsed) {
  auto server = OfflineServer::openForKeys(parsed.text(kDataDirOption.name));
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
    return parsed.has("tokens") ? renewTokenKeys(*server, round) : base::Result<void>();
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

RekeyRecords recordsOf(const OfflineServer& server, const base::Uuid& old) {
  const auto entry = [&server](kms::Event event, const std::string& detail) -> AlongOf {
    return [&server, event, detail](const base::Uuid& medium) {
      return server.records(event, medium.text(), detail);
    };
  };
  return {entry(kms::Event::MediumAdded, "for the medium " + old.text() + ", which is not yet written"),
          entry(kms::Event::MediumRekeyed, "in the place of " + old.text()),
          entry(kms::Event::MediumRetired, "no medium was written with it")};
}

// The medium that gets another key: read, and its slot opened.
struct Target {
  ShownMedium medium;
  kms::SlotDesk desk;
};

base::Result<Target> openTarget(const Parsed& parsed, const OfflineServer& server, const MediaRound& round,
                                hal::Ask& ask) {
  const std::string& uri = parsed.arguments().front();
  auto swapped = swapWhereOneDrive(round, uri, "that gets another key", ask, driverDirOf(parsed));
  if (!swapped) return std::move(swapped).error();
  auto medium = readShown(uri, ask, driverDirOf(parsed));
  if (!medium) return std::move(medium).error();
  if (medium->share != 0)
    return base::Error{base::Code::Unsupported,
                       medium->uri +
                           " holds a share, and all shares of a key are made together: make another set "
                           "with 'kmsd medium add --shares', then retire the old one"};
  auto desk = openDesk(server, *medium);
  if (!desk) return std::move(desk).error();
  return Target{*std::move(medium), *std::move(desk)};
}

// Writes another key onto it; then `target` is what it became.
base::Result<void> writeAnother(const Parsed& parsed, const OfflineServer& server, hal::Ask& ask,
                                Target& target) {
  ShownMedium& medium = target.medium;
  auto passphrase = newPassphrase(parsed);
  if (!passphrase) return std::move(passphrase).error();
  if (*passphrase) medium.passphrase = **std::move(passphrase);
  PortWriter writer(parsed.arguments().front(), ask, driverDirOf(parsed));
  const std::string name = medium.id ? medium.id->medium.text() : std::string(kUnnamed);
  if (auto fit = writer.look({false, {name}}); !fit) return fit;
  NewMedium wanted{server.header().server, medium.label, medium.phrase(), slotCost()};
  if (wanted.label.empty() || !medium.id) wanted.label = mediumLabel(server.header().organisation, 1);
  const base::Uuid old = medium.medium;
  InterruptWatch::changing("the medium may have its new key, and both count: run the command again with it");
  auto made = rekeyMedium(target.desk, old, wanted, writer, recordsOf(server, old));
  if (!made) return std::move(made).error();
  InterruptWatch::changing("the medium has its new key");
  medium.uri = writer.found().id.uri();
  medium.place = writer.found().id;
  medium.key = std::move(made->key);
  medium.id = kms::MediumRef{server.header().server, made->medium};
  medium.label = wanted.label;
  medium.medium = made->medium;
  std::cout << printable(medium.uri) << " has a new key and the id " << medium.medium.text()
            << "; it was read back, and opens the server.\nAll copies of " << old.text()
            << " open this database no more.\n";
  return {};
}

// What an earlier run of the command left, which was interrupted. True: the medium has its new key.
base::Result<bool> endEarlier(const OfflineServer& server, const Target& target) {
  const base::Uuid& shown = target.medium.medium;
  const ActAsOwner owner(server.dir().root());
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  const auto settled = settleRekey(target.desk, shown, recordsOf(server, shown));
  if (!settled) return base::Error(settled.error());
  if (settled->left == RekeyLeft::Ended)
    std::cout << "A rekey of this medium was interrupted when it had its new key, " << shown.text()
              << "; it is ended now.\nAll copies of " << settled->dropped.text()
              << " open this database no more.\n";
  if (settled->left == RekeyLeft::Undone)
    std::cout << "A rekey of this medium was interrupted before it had its new key, "
              << settled->dropped.text() << ", which opens nothing now.\n";
  return settled->left == RekeyLeft::Ended;
}

base::Result<void> rekey(const Parsed& parsed) {
  auto server = OfflineServer::openForKeys(parsed.text(kDataDirOption.name));
  if (!server) return std::move(server).error();
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  // The others first: in one drive the medium that is written comes last, and stays.
  MediaRound round(*server, ask, driverDirOf(parsed));
  if (const auto uris = parsed.texts(kShownOption.name); !uris.empty())
    if (auto shown = round.show(uris); !shown) return shown;
  const auto leaving = droppedMedia(parsed, *server);
  if (!leaving) return base::Error(leaving.error());
  auto target = openTarget(parsed, *server, round, ask);
  if (!target) return std::move(target).error();
  const bool rotates = !parsed.has(kNoRotateOption.name);
  const auto had = endEarlier(*server, *target);
  if (!had) return base::Error(had.error());
  const base::Uuid old = target->medium.medium;
  if (!*had)
    if (auto allowed = allowInPlace(round, target->medium); !allowed) return allowed;
  if (rotates) {
    std::vector<base::Uuid> named = *leaving;
    named.push_back(old);
    if (auto all = checkAllNamed(round, named); !all) return all;
  }
  if (!*had)
    if (auto written = writeAnother(parsed, *server, ask, *target); !written) return written;
  if (!rotates) {
    std::cout << withoutRotation() << "\n";
    return {};
  }
  round.drop(old);
  if (auto taken = round.take(std::move(target->medium)); !taken) return taken;
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
constexpr OptionSpec kRekeyOptions[] = {
    kDataDirOption,
    kShownOption,
    kDropOption,
    kNoRotateOption,
    {kPassphraseOption.name, "",
     "ask for another passphrase, twice; else the medium keeps the one that it has", "", false, false, true},
    kPassphraseFileOption,
    kPinFileOption,
    kDriverDirOption};
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
    "kmsd rekey floppy:A: --medium card: --no-rotate            # the root key stays the old one\n"
    "kmsd rekey floppy:A: --medium card: --passphrase           # it takes another passphrase, too\n",
    runRekey};

}  // namespace kmsd
