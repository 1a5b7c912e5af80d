// `kmsd medium add --shares K/N`: a further key of a server, split over several media.
#include <iostream>

#include "daemon/act_as_owner.h"
#include "daemon/driver_dir.h"
#include "daemon/media_round.h"
#include "daemon/new_media.h"
#include "daemon/passphrase.h"
#include "daemon/pin_file.h"
#include "daemon/slot_cost.h"
#include "daemon/verb_slots.h"

namespace kmsd {
namespace {

// The media first, and its slot last: what a broken-off run has written opens nothing.
base::Result<void> make(const OfflineServer& server, const MediaRound& round, NewMedia& media) {
  const kms::SlotDesk& desk = round.desk();
  auto made =
      media.generate(server.header().server, server.header().organisation, desk.clock().now(), desk.rng());
  if (!made) return made;
  const std::vector<kms::NewSlot> slots = media.slots();
  auto row = desk.wrap(slots.front(), slotCost());
  if (!row) return base::Error(row.error());
  if (auto written = media.write(); !written) return written;
  if (auto proved = desk.prove(*row, *slots.front().key, slots.front().passphrase); !proved) return proved;
  const ActAsOwner owner(server.dir().root());
  if (auto acting = owner.check(); !acting) return acting;
  return desk.add(*std::move(row),
                  server.records(kms::Event::MediumAdded, slots.front().medium.text(), slots.front().label));
}

}  // namespace

base::Result<void> addShares(const Parsed& parsed) {
  const auto shares = parseShares(parsed.text("shares"));
  if (!shares) return base::Error(shares.error());
  auto server = OfflineServer::openForKeys(parsed.text(kDataDirOption.name));
  if (!server) return std::move(server).error();
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  MediaRound round(*server, ask, driverDirOf(parsed));
  if (auto shown = round.show(parsed.texts(kShownOption.name)); !shown) return shown;
  NewMedia media(driverDirOf(parsed), parsed.text(kPinFileOption.name));
  auto passphrase = newPassphrase(parsed);
  if (!passphrase) return std::move(passphrase).error();
  if (*passphrase) media.protect(**std::move(passphrase));
  std::vector<base::Uuid> openers;
  for (const ShownMedium& shown : round.shown()) openers.push_back(shown.medium);
  media.keep(std::move(openers));
  const Consents consents{parsed.has("format"), parsed.texts("destroy-key")};
  if (auto fit = media.look({parsed.arguments(), {}, *shares}, consents); !fit) return fit;
  for (const base::Uuid& held : media.held())
    if (round.has(held))
      return base::Error{base::Code::Invalid,
                         "a medium that opened the server is among those to be written; name another"};
  if (auto made = make(*server, round, media); !made) return made;
  std::cout << media.describe() << "Any " << int{shares->threshold} << " of these " << int{shares->total}
            << " shares open the server now.\n";
  return {};
}

}  // namespace kmsd
