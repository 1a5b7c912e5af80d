// Users who come from another server, and the certificate that they are sealed to.
#include <iostream>

#include "daemon/ctl/move_files.h"
#include "daemon/ctl/move_round.h"
#include "daemon/ctl/output.h"
#include "daemon/ctl/user_move.h"
#include "kms/pki/base64.h"
#include "kms/pki/digest.h"
#include "kms/pki/user_package.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;

Exit giveRecipient(const Parsed& parsed) {
  return callThen(parsed, "POST", "/v1/user-imports/certificate", nullptr, [&](const Answer& answer) {
    if (parsed.has("json")) return printSecretLine(answer.document.json());
    std::cout << answer.document.text("certificate");
    std::cerr << "its thumbprint, to compare at the other server:\n  "
              << printable(answer.document.text("sha256")) << "\n";
    return Exit::Yes;
  });
}

// The one authority that all of them come from.
Result<std::string> sourceOf(const std::vector<base::Bytes>& packages, const std::string& path) {
  std::string source;
  for (const base::Bytes& bytes : packages) {
    auto package = kms::pki::decodePackage(bytes);
    if (!package) return Error{Code::Invalid, path + ": " + package.error().what};
    const std::string one = base::toHex(kms::pki::sha256(package->source));
    if (!source.empty() && one != source)
      return Error{Code::Invalid,
                   path + " has users of more than one authority; import them from a file each"};
    source = one;
  }
  return source;
}

class Import {
 public:
  Import(const Parsed& parsed, std::string source)
      : role_(parsed.text("role")),
        source_(std::move(source)),
        round_(parsed, "imported", "user import --role " + role_ + " from " + source_) {}

  Exit run(const std::vector<base::Bytes>& packages, const std::string& path) {
    auto file = beginMoveFile(path);
    if (!file) return fail(file.error());
    if (auto opened = round_.open(packages.size()); !opened) return fail(opened.error());
    for (std::size_t i = 0; i < packages.size() && round_.goesOn(); ++i) take(i + 1, packages[i]);
    Result<void> kept;
    if (!receipts_.empty()) kept = writeMoveFile(*file, MoveFile::Receipts, receipts_);
    if (kept && !receipts_.empty())
      std::cerr
          << "They have no token here yet. Carry the receipts back to the server that they come from, and "
             "there,\nto revoke what they have: kmsctl user export --confirm "
          << printable(path) << "\n";
    return round_.end(kept);
  }

 private:
  void take(std::size_t number, const base::Bytes& package) {
    const auto answer = round_.take("package " + std::to_string(number), send(package));
    if (!answer) return;
    const std::string user = answer->text("user");
    if (user != user_) {
      user_ = user;
      certificates_ = keys_ = 0;
      again_ = answer->flag("again");
    }
    certificates_ += std::strtoll(answer->text("certificates").c_str(), nullptr, 10);
    keys_ += std::strtoll(answer->text("keys").c_str(), nullptr, 10);
    if (answer->text("receipt").empty()) return;  // more of this user follows
    user_.clear();
    auto receipt = kms::pki::fromBase64(answer->text("receipt"));
    if (!receipt) return round_.failed(user, "corrupt", "the server's answer holds no receipt");
    receipts_.push_back(*std::move(receipt));
    Body item;
    item.text("user", user).text("role", answer->text("role"));
    item.number("certificates", certificates_).number("keys", keys_).truth("again", again_);
    round_.succeeded(user,
                     std::string(again_ ? "there already: " : "imported ") + printable(user) + " (" +
                         printable(answer->text("role")) + "): " + counted(certificates_, "certificate") +
                         ", " + counted(keys_, "key"),
                     item, {user, std::to_string(certificates_)});
  }

  Result<Answer> send(const base::Bytes& package) {
    const Interrupt::Waiting waiting;
    http::Request request;
    request.method = "POST";
    request.path = "/v1/user-imports";
    request.query = {{"source", source_}, {"role", role_}};
    request.contentType = "application/octet-stream";
    request.body = base::secretText(base::asText(package));
    auto response = round_.remote().send(std::move(request));
    if (!response) return std::move(response).error();
    auto document = Document::parse(base::view(response->body));
    if (!document) return std::move(document).error();
    return Answer{response->status, *std::move(document)};
  }

  const std::string role_;
  const std::string source_;
  MoveRound round_;
  std::vector<base::Bytes> receipts_;
  std::string user_;  // some of whose packages were taken
  std::int64_t certificates_ = 0;
  std::int64_t keys_ = 0;
  bool again_ = false;
};

}  // namespace

Exit runUserImport(const Parsed& parsed) {
  if (parsed.has("recipient")) {
    if (!parsed.arguments().empty() || parsed.has("receipt") || parsed.has("thumbprint") ||
        parsed.has("report"))
      return fail(Exit::Usage, "--recipient stands alone");
    return giveRecipient(parsed);
  }
  if (parsed.arguments().empty())
    return fail(Exit::Usage, "name a file that kmsctl user export wrote; see 'kmsctl user import --help'");
  const std::string& path = parsed.arguments().front();
  const auto packages = readMoveFile(path, MoveFile::Users);
  if (!packages) return fail(packages.error());
  const auto source = sourceOf(*packages, path);
  if (!source) return fail(source.error());
  auto sure = confirmThumbprint(parsed, "the authority that the users come from", *source, "kmsctl ca show");
  if (!sure) return fail(sure.error());
  const std::string receipt = parsed.has("receipt") ? parsed.text("receipt") : path + ".receipt";
  return Import(parsed, *source).run(*packages, receipt);
}

}  // namespace kmsd::ctl
