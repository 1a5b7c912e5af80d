#include "daemon/verb_slots.h"

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

namespace kmsd {
namespace {

// "Acme 3": the first number that no slot has.
std::string freeLabel(const OfflineServer& server, const std::vector<kms::SlotFacts>& slots) {
  for (std::size_t number = slots.size() + 1;; ++number) {
    std::string label = mediumLabel(server.header().organisation, number);
    const bool taken = std::ranges::any_of(
        slots, [&](const kms::SlotFacts& slot) { return slot.header && slot.header->label == label; });
    if (!taken) return label;
  }
}

base::Result<void> add(const Parsed& parsed) {
  if (parsed.has("shares")) return addShares(parsed);
  const std::string& uri = parsed.arguments().front();
  if (parsed.arguments().size() > 1)
    return base::Error{base::Code::Invalid, "several media are made with --shares only; name one"};
  auto server = OfflineServer::openForKeys(parsed.text(kDataDirOption.name));
  if (!server) return std::move(server).error();
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  MediaRound round(*server, ask, driverDirOf(parsed));
  if (auto shown = round.show(parsed.texts(kShownOption.name)); !shown) return shown;
  if (auto swapped = swapWhereOneDrive(round, uri, "to write", ask, driverDirOf(parsed)); !swapped)
    return swapped;
  PortWriter writer(uri, ask, driverDirOf(parsed));
  if (auto fit = writer.look({parsed.has("format"), parsed.texts("destroy-key")}); !fit) return fit;
  if (writer.found().identity && round.has(writer.found().identity->medium))
    return base::Error{base::Code::Invalid,
                       uri + " holds the medium that opened the server; name another for the new key"};
  const auto slots = kms::slotFacts(server->store());
  if (!slots) return base::Error(slots.error());
  auto passphrase = newPassphrase(parsed);
  if (!passphrase) return std::move(passphrase).error();
  NewMedium wanted{server->header().server, parsed.text("label"), *passphrase ? &**passphrase : nullptr,
                   slotCost()};
  if (wanted.label.empty()) wanted.label = freeLabel(*server, *slots);
  const auto made = addMedium(round.desk(), wanted, writer, [&](const base::Uuid& medium) {
    return server->records(kms::Event::MediumAdded, medium.text(), wanted.label);
  });
  if (!made) return base::Error(made.error());
  std::cout << printable(writer.found().id.uri()) << " is a key medium of this server now: \""
            << printable(wanted.label) << "\" (" << made->medium.text()
            << "). It was read back, and opens the server.\n";
  return {};
}

void sayRetired(const base::Uuid& id) {
  std::cout << "The medium " << id.text() << " and all copies of it open this database no more.\n";
}

// Where it was retired and the renewal of the root key did not come to its end, that is said.
base::Error notThere(const OfflineServer& server, const base::Uuid& id) {
  base::Error why = kms::noSuchSlot(id);
  const auto due = kms::Resealer::due(server.store());
  if (due && *due) why.what += "; " + std::string(unfinishedRenewal());
  return why;
}

base::Result<void> retire(const Parsed& parsed) {
  const auto id = mediumIdOf(parsed.arguments().front());
  if (!id) return base::Error(id.error());
  auto server = OfflineServer::openForKeys(parsed.text(kDataDirOption.name));
  if (!server) return std::move(server).error();
  const auto slots = kms::slotFacts(server->store());
  if (!slots) return base::Error(slots.error());
  const auto is = [&](const kms::SlotFacts& slot) { return slot.header && slot.header->medium == *id; };
  if (std::ranges::none_of(*slots, is)) return notThere(*server, *id);
  if (std::ranges::none_of(*slots, [&](const auto& slot) { return slot.header && !is(slot); }))
    return kms::lastSlot(*id);
  auto leaving = droppedMedia(parsed, *server);
  if (!leaving) return std::move(leaving).error();
  leaving->push_back(*id);
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  MediaRound round(*server, ask, driverDirOf(parsed));
  if (auto shown = round.show(parsed.texts(kShownOption.name)); !shown) return shown;
  if (round.staying(*leaving).empty())
    return base::Error{base::Code::Denied,
                       "--medium names the medium that is to go; show one that stays, so that it is certain "
                       "that it opens the server",
                       base::Reason::Forbidden};
  if (!parsed.has(kNoRotateOption.name)) {
    if (auto done = finishRenewal(*server, round); !done) return std::move(done).error();
    auto done = renewRootKey(*server, round, *leaving,
                             server->records(kms::Event::MediumRetired, id->text(), "with a new root key"));
    if (done) sayRetired(*id);
    return done;
  }
  InterruptWatch::changing("the medium may be retired; 'kmsd medium list --slots' shows it");
  const ActAsOwner owner(server->dir().root());
  if (auto acting = owner.check(); !acting) return acting;
  auto dropped =
      round.desk().drop(*id, server->records(kms::Event::MediumRetired, id->text(), "the root key was kept"));
  if (!dropped) return dropped;
  sayRetired(*id);
  std::cout << withoutRotation() << "\n";
  return {};
}

Exit ended(const base::Result<void>& done) { return done ? Exit::Yes : fail(done.error()); }

}  // namespace

std::string_view withoutRotation() noexcept {
  return "The root key is the old one: an old copy of the database, such as a backup, and that medium, or a "
         "copy of it,\nstill open all of today's data. 'kmsd rotate' ends that.";
}

base::Result<base::Uuid> mediumIdOf(std::string_view text) {
  const auto id = base::Uuid::parse(text);
  if (!id)
    return base::Error{base::Code::Invalid,
                       "'" + std::string(text) + "' is no medium id; 'kmsd medium list --slots' shows them"};
  return *id;
}

base::Result<std::vector<base::Uuid>> droppedMedia(const Parsed& parsed, const OfflineServer& server) {
  const auto slots = kms::slotFacts(server.store());
  if (!slots) return base::Error(slots.error());
  std::vector<base::Uuid> all;
  for (const std::string& text : parsed.texts(kDropOption.name)) {
    const auto id = mediumIdOf(text);
    if (!id) return base::Error(id.error());
    if (std::ranges::none_of(*slots,
                             [&](const auto& slot) { return slot.header && slot.header->medium == *id; }))
      return kms::noSuchSlot(*id);
    all.push_back(*id);
  }
  return all;
}

Exit mediumAdd(const Parsed& parsed) {
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  return ended(add(parsed));
}

Exit mediumRetire(const Parsed& parsed) {
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  return ended(retire(parsed));
}

}  // namespace kmsd
