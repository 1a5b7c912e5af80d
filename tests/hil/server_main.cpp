// hil_server: makes a server whose slots cost the least scrypt that the product takes, so that a machine
// emulated in software opens it in a second. All else is as `kmsd setup` makes it, by the product's own code.
//
//   hil_server DIRECTORY NAME...    DIRECTORY/data is its data directory, DIRECTORY/NAME.ini the key file of
//   each medium
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "daemon/data_dir.h"
#include "hal/base/clock.h"
#include "hal/base/file.h"
#include "hal/base/rng.h"
#include "hal/key_file.h"
#include "kms/audit/audit.h"
#include "kms/keys/founding.h"
#include "kms/store/sqlite_store.h"

namespace {

using base::Result;
namespace fs = std::filesystem;

Result<void> fillStore(const fs::path& database, const base::Uuid& server,
                       const std::vector<hal::KeyFile>& files) {
  std::vector<kms::NewSlot> slots;
  for (const hal::KeyFile& file : files) {
    kms::NewSlot slot;
    slot.key = &file.key;
    slot.medium = file.identity->medium;
    slot.label = file.identity->label;
    slots.push_back(slot);
  }
  auto store = kms::createSqliteStore(database);
  if (!store) return std::move(store).error();
  const base::Clock& clock = base::systemClock();
  const kms::ScryptCost least{.logN = kms::ScryptCost::kLogNLeast};
  if (auto made = kms::found(**store, server, slots, clock, base::systemRng(), least); !made) return made;
  return (*store)->writeAndWait([&](kms::Txn& txn) {
    return kms::record(txn, clock.now(), {kms::Event::ServerFounded, "hil_server", server.text(), ""});
  });
}

Result<hal::KeyFile> newMedium(const base::Uuid& server, const std::string& name) {
  auto key = base::MasterKey::generate(base::systemRng());
  if (!key) return std::move(key).error();
  const auto now = base::systemClock().now();
  return hal::KeyFile{*std::move(key),
                      hal::MediumIdentity{server, base::Uuid::generate(base::systemRng()), name, now},
                      false,
                      {}};
}

Result<void> make(const fs::path& root, const std::vector<std::string>& names) {
  const kmsd::ServerHeader header{base::Uuid::generate(base::systemRng()), "hil", base::systemClock().now()};
  const fs::path security = root / "data" / "security";
  std::error_code failed;
  for (const fs::path& directory : {security, security / "audit", security / "public"}) {
    fs::create_directories(directory, failed);
    if (failed) return base::systemError(directory.string(), failed.value());
  }
  std::vector<hal::KeyFile> files;
  for (const std::string& name : names) {
    auto file = newMedium(header.server, name);
    if (!file) return std::move(file).error();
    auto text = hal::formatKeyFile(*file);
    if (!text) return std::move(text).error();
    if (auto written = base::writeFileDurably(root / (name + ".ini"), text->bytes(), 0600); !written)
      return written;
    files.push_back(*std::move(file));
  }
  if (auto filled = fillStore(security / "kms.db", header.server, files); !filled) return filled;
  auto text = kmsd::formatServerHeader(header);
  if (!text) return std::move(text).error();
  return base::writeFileDurably(security / "header", base::asBytes(*text), 0600);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("hil_server: DIRECTORY NAME...\n", stderr);
    return 2;
  }
  ::umask(077);
  const auto made = make(argv[1], std::vector<std::string>(argv + 2, argv + argc));
  if (!made) std::fprintf(stderr, "hil_server: %s\n", made.error().what.c_str());
  return made ? 0 : 1;
}
