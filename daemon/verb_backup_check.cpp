// `kmsd backup check`: whether a backup is whole, and with a medium whether its server made it and it opens.
#include <boost/json.hpp>
#include <iostream>

#include "daemon/backup_file.h"
#include "daemon/backup_said.h"
#include "daemon/driver_dir.h"
#include "daemon/harden.h"
#include "daemon/pin_file.h"
#include "daemon/stop_flag.h"
#include "daemon/verb_backup.h"
#include "hal/base/rfc3339.h"

namespace kmsd {
namespace {

namespace json = boost::json;
using base::Error;
using base::Result;
using kms::backup::Header;

Result<void> checkSigned(const Header& header, const std::string& uri, const Parsed& parsed) {
  auto sign = signerOfMedium(uri, parsed, header.slots, header.server);
  if (!sign) return std::move(sign).error();
  if (!header.mac)
    return Error{base::Code::Denied,
                 "the medium opens the backup, but the backup is unsigned: nobody can tell who made it",
                 base::Reason::BackupUnsigned};
  auto mac = (*sign)(kms::backup::signedPart(header));
  if (!mac) return std::move(mac).error();
  if (base::equalConstantTime(*mac, *header.mac)) return {};
  return Error{
      base::Code::Corrupt,
      "the medium opens the backup, but its MAC is wrong: it was not made by its server, or was changed",
      base::Reason::BackupForged};
}

json::object toJson(const std::string& file, const std::optional<Header>& header, const Error* error) {
  json::object all{{"file", file}, {"whole", error == nullptr}, {"server", nullptr}, {"made", nullptr}};
  if (header) {
    all["server"] = header->server.text();
    all["backup"] = header->id.text();
    all["made"] = base::formatTime(header->made);
    all["kind"] = std::string(kms::backup::kindName(header->kind));
    all["signed"] = header->mac.has_value();
    all["schema"] = header->schema;
    all["epoch"] = header->epoch;
    all["users"] = header->users;
    all["tokens"] = header->tokens;
    all["certificates"] = header->certificates;
    all["entries"] = header->entries;
    all["bytes"] = header->bytes;
    all["chunks"] = header->chunks;
  }
  all["reason"] = error != nullptr ? json::value(std::string(nameOf(*error))) : json::value(nullptr);
  all["detail"] = error != nullptr ? json::value(error->what) : json::value(nullptr);
  return all;
}

Exit runCheck(const Parsed& parsed) {
  if (auto hard = harden(); !hard) return fail(hard.error());
  const std::string& path = parsed.arguments().front();
  std::optional<Header> header;
  Result<void> sound;
  {
    const StopFlag stop;
    auto file = BackupFile::open(path);
    sound = file ? file->read({[&header](const Header& found) -> Result<void> {
                                 header = found;
                                 return {};
                               },
                               {}})
                 : std::move(file).error();
  }
  const bool asked = parsed.arguments().size() > 1;
  if (sound && asked) sound = checkSigned(*header, parsed.arguments()[1], parsed);
  const Error* error = sound ? nullptr : &sound.error();
  if (parsed.has("json")) {
    std::cout << json::serialize(toJson(path, header, error)) << "\n";
    return error == nullptr ? Exit::Yes : exitOf(*error);
  }
  if (header) std::cout << describeBackup(*header);
  if (error != nullptr) return fail(*error);
  std::cout << (asked ? "It is whole, its server made it, and the medium opens it.\n"
                      : "It is whole. Whether its server made it is told with a key medium: kmsd backup "
                        "check FILE URI\n");
  return Exit::Yes;
}

constexpr ArgumentSpec kFile[] = {
    {"FILE", "the backup"},
    {"URI", "a key medium: says also whether it opens the backup, and whether its server made it", false}};
constexpr OptionSpec kOptions[] = {
    {"json", "", "print one JSON document and nothing else"},
    kPinFileOption,
    kDriverDirOption,
};

}  // namespace

const VerbSpec kBackupCheckVerb = {
    "backup check",
    "say whether a backup is whole, or where it is damaged",
    kFile,
    kOptions,
    "kmsd backup check /mnt/safe/kms.kdb                    # needs no medium\n"
    "kmsd backup check /mnt/safe/kms.kdb floppy:A:          # also that it opens, and who made it\n",
    runCheck};

}  // namespace kmsd
