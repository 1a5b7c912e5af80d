// Users who leave: sealed for the other server, and ended here with the receipts of their import.
#include <iostream>

#include "daemon/ctl/bulk_verbs.h"
#include "daemon/ctl/line_reader.h"
#include "daemon/ctl/move_files.h"
#include "daemon/ctl/move_round.h"
#include "daemon/ctl/output.h"
#include "daemon/ctl/user_move.h"
#include "hal/base/file.h"
#include "kms/pki/base64.h"
#include "kms/pki/digest.h"
#include "kms/pki/user_package.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;

struct Wanted {
  std::string id;  // a user, or the line that names none
  std::optional<Error> fault;
};

Result<std::vector<Wanted>> usersOf(const Parsed& parsed) {
  std::vector<Wanted> out;
  for (const std::string& name : parsed.arguments()) out.push_back({name, {}});
  if (!parsed.has("users-file")) return out;
  auto reader = LineReader::open(parsed.text("users-file"), nullptr);
  if (!reader) return std::move(reader).error();
  for (;;) {
    auto line = reader->next();
    if (!line) return std::move(line).error();
    if (!*line) return out;
    auto name = (*line)->tooLong ? Result<std::string>(Error{Code::Invalid, "the line is too long"})
                                 : userOfLine(base::view((*line)->text));
    if (name) {
      out.push_back({*std::move(name), {}});
    } else {
      out.push_back({"line " + std::to_string((*line)->number), std::move(name).error()});
    }
  }
}

// Everything that one user's packages tell.
struct Sealed {
  std::vector<base::Bytes> packages;
  std::int64_t certificates = 0;
  std::int64_t keys = 0;
  std::size_t bytes = 0;
};

std::int64_t numberIn(const Document& answer, std::string_view name) {
  return std::strtoll(answer.text(name).c_str(), nullptr, 10);
}

class Export {
 public:
  Export(const Parsed& parsed, std::string recipient, const std::string& thumbprint)
      : recipient_(std::move(recipient)), round_(parsed, "sealed", "user export --to " + thumbprint) {}

  Exit run(const std::vector<Wanted>& users, const std::string& path) {
    auto file = beginMoveFile(path);
    if (!file) return fail(file.error());
    if (auto opened = round_.open(users.size()); !opened) return fail(opened.error());
    for (const Wanted& one : users) {
      if (!round_.goesOn()) break;
      if (one.fault) {
        round_.failed(one.id, nameOf(*one.fault), one.fault->what);
      } else if (!round_.doneBefore(one.id)) {
        take(one.id);
      }
    }
    Result<void> kept;
    if (!packages_.empty()) kept = writeMoveFile(*file, MoveFile::Users, packages_);
    if (kept && !packages_.empty())
      std::cerr << "They go on here. Carry the file to the other server, and there: kmsctl user import "
                << printable(path) << "\nIt asks for the thumbprint of this server's authority:\n  "
                << printable(source_) << "\n";
    return round_.end(kept);
  }

 private:
  void take(const std::string& user) {
    Sealed all;
    std::string after;
    do {
      Body body;
      body.text("user", user).text("recipient", recipient_);
      if (!after.empty()) body.text("after", after);
      const auto answer = round_.call(user, "/v1/user-exports", body);
      if (!answer) return;
      auto package = kms::pki::fromBase64(answer->text("package"));
      if (!package) return round_.failed(user, "corrupt", "the server's answer holds no package");
      all.bytes += package->size();
      all.packages.push_back(*std::move(package));
      all.certificates += numberIn(*answer, "certificates");
      all.keys += numberIn(*answer, "keys");
      source_ = answer->text("source");
      after = answer->text("next");
    } while (!after.empty());
    if (packages_.size() + all.packages.size() > kMoveBlocksMost || bytes_ + all.bytes > kMoveBytesMost)
      return round_.failed(user, "full",
                           "the file has as many users as one file takes; export him into another");
    bytes_ += all.bytes;
    for (base::Bytes& one : all.packages) packages_.push_back(std::move(one));
    Body item;
    item.text("user", user).number("certificates", all.certificates).number("keys", all.keys);
    round_.succeeded(user,
                     "sealed " + printable(user) + ": " + counted(all.certificates, "certificate") + ", " +
                         counted(all.keys, "key"),
                     item, {user, std::to_string(all.certificates)});
  }

  const std::string recipient_;  // PEM
  MoveRound round_;
  std::vector<base::Bytes> packages_;
  std::size_t bytes_ = 0;
  std::string source_;
};

Exit confirmReceipts(const Parsed& parsed) {
  const auto receipts = readMoveFile(parsed.text("confirm"), MoveFile::Receipts);
  if (!receipts) return fail(receipts.error());
  MoveRound round(parsed, "moved", "user export --confirm");
  if (auto opened = round.open(receipts->size()); !opened) return fail(opened.error());
  for (std::size_t i = 0; i < receipts->size() && round.goesOn(); ++i) {
    const base::Bytes& bytes = (*receipts)[i];
    const auto receipt = kms::pki::decodeReceipt(bytes);
    const std::string id = receipt ? receipt->name : "receipt " + std::to_string(i + 1);
    Body body;
    body.text("receipt", kms::pki::toBase64(bytes));
    const auto done = round.call(id, "/v1/user-exports/confirm", body);
    if (!done) continue;
    const std::int64_t certificates = numberIn(*done, "certificates");
    Body item;
    item.text("user", done->text("user")).number("certificates", certificates);
    round.succeeded(id,
                    "moved " + printable(id) + ": " + counted(certificates, "certificate") +
                        " and all tokens revoked here",
                    item, {id, std::to_string(certificates)});
  }
  return round.end({});
}

}  // namespace

Exit runUserExport(const Parsed& parsed) {
  if (parsed.has("confirm")) {
    if (!parsed.arguments().empty() || parsed.has("to") || parsed.has("out") || parsed.has("users-file") ||
        parsed.has("thumbprint"))
      return fail(Exit::Usage, "--confirm takes a file of receipts; only --report goes with it");
    return confirmReceipts(parsed);
  }
  if (parsed.arguments().empty() == !parsed.has("users-file"))
    return fail(Exit::Usage, "name users, or give --users-file; see 'kmsctl user export --help'");
  if (!parsed.has("to"))
    return fail(Exit::Usage, "give --to, the other server's certificate; see 'kmsctl user export --help'");
  if (parsed.text("users-file") == "-" && parsed.text("token-file") == "-")
    return fail(Exit::Usage, "standard input can be the list or the token of --token-file, not both");
  const auto text = base::readSmallFile(parsed.text("to"), kms::pki::kMostDer);
  if (!text) return fail(text.error());
  const auto certificates = kms::pki::parsePemCertificates(*text);
  if (!certificates) return fail(Exit::Usage, parsed.text("to") + ": " + certificates.error().what);
  if (certificates->size() != 1)
    return fail(Exit::Usage,
                parsed.text("to") + " has several certificates; give the one of the other server");
  const auto users = usersOf(parsed);
  if (!users) return fail(users.error());
  if (users->empty()) return fail(Exit::Usage, parsed.text("users-file") + " names no user");
  const base::Bytes& der = certificates->front().der;
  const std::string thumbprint = base::toHex(kms::pki::sha256(der));
  auto sure = confirmThumbprint(parsed, "the certificate in " + parsed.text("to"), thumbprint,
                                "kmsctl user import --recipient");
  if (!sure) return fail(sure.error());
  return Export(parsed, kms::pki::pem("CERTIFICATE", der), thumbprint).run(*users, parsed.text("out"));
}

}  // namespace kmsd::ctl
