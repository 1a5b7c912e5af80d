#include "daemon/verb_setup.h"

#include <iostream>

#include "daemon/data_dir.h"
#include "daemon/driver_dir.h"
#include "daemon/harden.h"
#include "daemon/interrupt.h"
#include "daemon/new_media.h"
#include "daemon/new_server.h"
#include "daemon/offline_server.h"
#include "daemon/passphrase.h"
#include "daemon/pin_file.h"
#include "hal/base/rng.h"

namespace kmsd {
namespace {

Exit removeAll(const std::filesystem::path& root) {
  auto moved = removeServer(root);
  if (!moved) return fail(moved.error());
  std::cout << "Nothing was deleted: " << (root / "security").string() << " is now " << moved->string()
            << "\n";
  return Exit::Yes;
}

void report(const std::filesystem::path& root, const ServerHeader& header, const NewMedia& media,
            const std::string& fingerprint, bool backup, const kms::Share& shares, bool protection) {
  std::cout << "Server " << header.server.text() << " is made in " << root.string()
            << (header.organisation.empty() ? "" : " for " + header.organisation) << ".\n"
            << media.describe();
  if (!fingerprint.empty())
    std::cout << "Its certificate authority has the SHA-256 fingerprint\n  " << fingerprint << "\n";
  std::string start = "kmsd run --data-dir " + root.string();
  const std::vector<std::string> uris = media.originalUris();
  for (const std::string& uri : uris) start += " --medium " + uri;
  std::cout << "Start it with:  " << start << "\n";
  if (shares.split())
    std::cout << "Any " << int{shares.threshold} << " of the " << int{shares.total}
              << " shares open the server, inserted together or one after another. Give them to different "
                 "people.\n";
  if (protection)
    std::cout << "A medium opens only with the passphrase: kmsctl unseal asks for it. Nobody can open the "
                 "server without it.\n";
  if (backup)
    std::cout
        << "Put the backup into the safe: it opens the server when the first one is lost or worn out.\n";
  if (backup || shares.total > shares.threshold) return;
  std::cout.flush();
  std::cerr << "WARNING: there is no backup medium. When "
            << (shares.split() ? "one of the shares" : "this one")
            << " is lost or fails, all that the server "
               "keeps is lost\n"
               "WARNING: for ever. Make a copy now, and put it into the safe:  "
            << (uris.front() == kPromptUri ? "kmsd medium create URI"
                                           : "kmsd medium copy " + uris.front() + " URI")
            << "\n";
}

// Gives the fingerprint of the authority; empty where none was wanted.
base::Result<std::string> setUp(const std::filesystem::path& root, const ServerHeader& header,
                                const NewMedia::Wish& wish, const Consents& consents, NewMedia& media,
                                const std::optional<kms::pki::AuthorityPlan>& authority) {
  if (auto fit = checkGround(root); !fit) return std::move(fit).error();
  if (auto fit = media.look(wish, consents); !fit) return std::move(fit).error();
  auto server = NewServer::stage(root);
  if (!server) return std::move(server).error();
  if (auto made = media.generate(header.server, header.organisation, header.created, base::systemRng());
      !made)
    return std::move(made).error();
  // The database before the media: what most often fails, fails before a medium has lost anything.
  auto filled = server->fill(header, media.slots(), authority);
  if (!filled) return filled;
  if (auto written = media.write(); !written) return std::move(written).error();
  if (auto done = server->commit(); !done) return std::move(done).error();
  return filled;
}

// What the authority is to be; nothing where there is to be none. Errors: Invalid.
base::Result<std::optional<kms::pki::AuthorityPlan>> authorityPlan(const Parsed& parsed,
                                                                   const std::string& organisation) {
  if (parsed.has("no-ca")) return std::optional<kms::pki::AuthorityPlan>();
  kms::pki::AuthorityPlan plan;
  const auto key = kms::pki::parseKeyKind(parsed.text("ca-key"));
  if (!key || *key == kms::pki::KeyKind::Rsa2048)
    return base::Error{base::Code::Invalid,
                       "--ca-key takes ecdsa-p256, ecdsa-p384, rsa-3072, rsa-4096 or ed25519"};
  plan.key = *key;
  plan.organisation = organisation;
  plan.commonName = parsed.text("ca-name");
  kms::pki::Subject named;
  named.commonName = plan.commonName;
  named.organisation = organisation;
  if (auto fit = kms::pki::checkSubject(named); !fit)
    return base::Error{base::Code::Invalid, "the authority cannot be named so: " + fit.error().what};
  return std::optional(plan);
}

Exit abandon(const std::filesystem::path& root, const std::string& id) {
  const auto server = base::Uuid::parse(id);
  if (!server) return fail(Exit::Usage, "--abandon takes the id of the server, as 'kmsctl status' shows it");
  auto moved = abandonServer(root, *server);
  if (!moved) return fail(moved.error());
  std::cout << "Nothing was deleted: " << (root / "security").string() << " is now " << moved->string()
            << "\nShould the original medium be found after all, rename it back. A new server needs a setup, "
               "and all users new tokens.\n";
  return Exit::Yes;
}

Exit runSetup(const Parsed& parsed) {
  if (parsed.text("data-dir").empty()) return fail(Exit::Usage, "--data-dir needs a directory");
  const std::filesystem::path root = rootOf(parsed.text("data-dir"));
  if (parsed.has("remove-all")) return removeAll(root);
  if (parsed.has("abandon")) return abandon(root, parsed.text("abandon"));
  const InterruptWatch watch;
  if (auto hard = harden(); !hard) return fail(hard.error());
  NewMedia::Wish wish{parsed.texts("medium"), parsed.texts("backup-medium")};
  if (wish.media.empty()) return fail(Exit::Usage, "--medium URI is missing; see 'kmsd setup --help'");
  if (parsed.has("shares")) {
    auto shares = parseShares(parsed.text("shares"));
    if (!shares) return fail(shares.error());
    wish.shares = *shares;
  }

  const ServerHeader header{base::Uuid::generate(base::systemRng()), parsed.text("organisation"),
                            base::systemClock().now()};
  if (auto fit = formatServerHeader(header); !fit) return fail(fit.error());
  const auto authority = authorityPlan(parsed, header.organisation);
  if (!authority) return fail(authority.error());
  NewMedia media(driverDirOf(parsed), parsed.text(kPinFileOption.name));
  auto passphrase = newPassphrase(parsed);
  if (!passphrase) return fail(passphrase.error());
  const bool protection = passphrase->has_value();
  if (protection) media.protect(**std::move(passphrase));
  const Consents consents{parsed.has("format"), parsed.texts("destroy-key")};
  const auto fingerprint = setUp(root, header, wish, consents, media, *authority);
  if (!fingerprint) return fail(fingerprint.error());
  report(root, header, media, *fingerprint, !wish.backups.empty(), wish.shares, protection);
  return Exit::Yes;
}

constexpr OptionSpec kOptions[] = {
    {"data-dir", "DIR", "where the server is to be: absent or empty", kDefaultDataDir},
    {"medium", "URI",
     "the key medium to make, such as floppy:A: or image:FILE; of shares one for each, or one drive for all",
     "", true},
    {"shares", "K/N", "split the key over N media, any K of which open, such as 2/3", "", false, false, true},
    kPassphraseOption,
    kPassphraseFileOption,
    {"backup-medium", "URI", "a further medium, with a key and slot of its own", "", true, false, true},
    kPinFileOption,
    kDriverDirOption,
    {"organisation", "NAME", "whose server it is; the media are labelled with it"},
    {"ca-key", "KIND", "the key of the certificate authority", "ecdsa-p256", false, false, false,
     "ecdsa-p256 ecdsa-p384 rsa-3072 rsa-4096 ed25519"},
    {"ca-name", "NAME", "the common name of the certificate authority", "keydisk CA"},
    {"no-ca", "",
     "make no certificate authority; 'kmsctl ca init' makes one later, and 'kmsctl ca request' one that "
     "another authority signs",
     "", false, false, true},
    {"format", "", "use media that hold other data: the data are lost", "", false, false, true},
    {"destroy-key", "ID", "use the medium that holds this key (its medium id, or 'unnamed'): the key is lost",
     "", true, false, true},
    {"abandon", "ID",
     "give up the server with this id, whose media are all lost: DIR/security becomes "
     "DIR/security.bak-abandoned-TIME, nothing is deleted",
     "", false, false, true},
    {"remove-all", "", "put the server aside: DIR/security becomes DIR/security.bak, nothing is deleted", "",
     false, false, true},
};

}  // namespace

const VerbSpec kSetupVerb = {
    "setup",
    "make a new server with its key medium, or put one aside",
    {},
    kOptions,
    "kmsd setup --medium floppy:A: --backup-medium image:/mnt/safe/backup.img --organisation 'Acme'\n"
    "kmsd setup --data-dir /srv/kms --medium image:/srv/key.img   # to try it: the image file is made\n"
    "kmsd setup --shares 2/3 --medium floppy:A:                   # asks for three disks in turn\n"
    "kmsd setup --medium floppy:A: --passphrase                   # the disk opens only with it\n"
    "kmsd setup --data-dir /srv/kms --remove-all                  # frees it for a new server\n",
    runSetup};

}  // namespace kmsd
