// Users who move to another server: sealed for it, taken there, and ended here with the receipt.
//
// file     := "keydisk users: " COUNT "\n" block{COUNT}        blocks: PEM, KEYDISK USER (kms/FORMATS.md)
// receipts := "keydisk receipts: " COUNT "\n" block{COUNT}     blocks: PEM, KEYDISK RECEIPT
#include <array>
#include <functional>
#include <iostream>

#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "daemon/new_file.h"
#include "daemon/terminal.h"
#include "hal/base/file.h"
#include "kms/pki/base64.h"
#include "kms/pki/digest.h"
#include "kms/pki/user_package.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kFileMost = std::size_t{64} << 20U;  // bytes
constexpr std::size_t kBlocksMost = 1000;                  // users of one file
constexpr std::string_view kUsers = "keydisk users: ";
constexpr std::string_view kReceipts = "keydisk receipts: ";
constexpr std::string_view kUserLabel = "KEYDISK USER";
constexpr std::string_view kReceiptLabel = "KEYDISK RECEIPT";

// As it is compared, without colons and capitals.
std::string plainThumbprint(std::string text) {
  std::erase(text, ':');
  for (char& c : text)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// By --thumbprint, else by a yes at the terminal.
Result<void> confirmThumbprint(const Parsed& parsed, const std::string& what, const std::string& thumbprint) {
  if (parsed.has("thumbprint")) {
    if (plainThumbprint(parsed.text("thumbprint")) == thumbprint) return {};
    return Error{Code::Invalid, what + " has the thumbprint " + thumbprint + ", not the one of --thumbprint"};
  }
  auto yes =
      askYes(what + " has the thumbprint\n  " + thumbprint + "\nDoes the other server show the same? ");
  if (!yes && yes.error().code == Code::Unavailable)
    return Error{Code::Invalid, what + " has the thumbprint " + thumbprint +
                                    "; compare it with what the other server shows, and give it as "
                                    "--thumbprint"};
  if (!yes) return std::move(yes).error();
  if (!*yes) return Error{Code::Denied, "not confirmed; nothing was done"};
  return {};
}

Result<std::vector<base::Bytes>> readBlocks(const std::string& path, std::string_view head,
                                            std::string_view label) {
  auto text = base::readSmallFile(path, kFileMost);
  if (!text) return std::move(text).error();
  const std::string_view all(*text);
  auto blocks = kms::pki::pemBlocks(all, {label}, kBlocksMost);
  const std::string first = std::string(head) + std::to_string(blocks ? blocks->size() : 0) + "\n";
  if (!blocks || blocks->empty() || !all.starts_with(first))
    return Error{Code::Invalid, path + " is no such file, or it is cut or altered"};
  return *std::move(blocks);
}

Result<void> writeBlocks(const std::string& path, std::string_view head, std::string_view label,
                         const std::vector<base::Bytes>& blocks) {
  std::string text = std::string(head) + std::to_string(blocks.size()) + "\n";
  for (const base::Bytes& block : blocks) text += kms::pki::pem(label, block);
  auto file = NewFile::create(path, text.size());
  if (!file) return std::move(file).error();
  if (auto wrote = file->write(base::asBytes(text)); !wrote) return wrote;
  if (auto synced = file->sync(); !synced) return synced;
  return file->commit();
}

// Before the server is asked for anything.
Result<void> requireNew(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) return {};
  return Error{Code::Conflict, path + " is there already; name another file"};
}

// One item after the other, a line for each; any that is refused makes it No.
class Round {
 public:
  explicit Round(const Parsed& parsed) : json_(parsed.has("json")) {}

  // False: the server is gone, or does not serve this; the rest is not tried.
  bool take(const std::string& name, const Result<Answer>& answer,
            const std::function<std::string(const Document&)>& line) {
    if (!answer) {
      exit_ = fail(answer.error());
      return false;
    }
    if (!answer->good()) {
      items_.add(name, answer->document);
      const Exit why = refused(*answer);
      if (exit_ == Exit::Yes) exit_ = Exit::No;
      if (why == Exit::Unreachable) exit_ = why;
      return why != Exit::Unreachable;
    }
    items_.add(answer->document);
    if (!json_) std::cout << line(answer->document) << "\n";
    return true;
  }
  Exit end() {
    if (json_) std::cout << items_.text() << "\n";
    return exit_;
  }

 private:
  const bool json_;
  JsonList items_;
  Exit exit_ = Exit::Yes;
};

std::string countsOf(const Document& done) {
  return done.text("certificates") + " certificates, " + done.text("keys") + " keys";
}

Exit confirmReceipts(const Parsed& parsed) {
  const auto receipts = readBlocks(parsed.text("confirm"), kReceipts, kReceiptLabel);
  if (!receipts) return fail(receipts.error());
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  Round round(parsed);
  for (const base::Bytes& bytes : *receipts) {
    const auto receipt = kms::pki::decodeReceipt(bytes);
    Body body;
    body.text("receipt", kms::pki::toBase64(bytes));
    const auto answer = remote->call("POST", "/v1/user-exports/confirm", &body);
    const bool more = round.take(receipt ? receipt->name : "", answer, [](const Document& done) {
      return "moved " + printable(done.text("user")) + ": " + done.text("certificates") +
             " certificates revoked here";
    });
    if (!more) break;
  }
  return round.end();
}

Exit runExport(const Parsed& parsed) {
  if (parsed.has("confirm")) {
    if (!parsed.arguments().empty() || parsed.has("to") || parsed.has("out"))
      return fail(Exit::Usage, "--confirm takes a file of receipts, and nothing else goes with it");
    return confirmReceipts(parsed);
  }
  if (parsed.arguments().empty() || !parsed.has("to") || !parsed.has("out"))
    return fail(Exit::Usage, "name users, and give --to and --out; see 'kmsctl user export --help'");
  if (auto fresh = requireNew(parsed.text("out")); !fresh) return fail(fresh.error());
  const auto text = base::readSmallFile(parsed.text("to"), kms::pki::kMostDer);
  if (!text) return fail(text.error());
  const auto certificates = kms::pki::parsePemCertificates(*text);
  if (!certificates) return fail(certificates.error());
  if (certificates->size() != 1) return fail(Exit::Usage, parsed.text("to") + " has several certificates");
  const std::string thumbprint = base::toHex(kms::pki::sha256(certificates->front().der));
  auto sure = confirmThumbprint(parsed, "The certificate in " + parsed.text("to"), thumbprint);
  if (!sure) return fail(sure.error());
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  Round round(parsed);
  std::vector<base::Bytes> packages;
  std::string source;
  for (const std::string& name : parsed.arguments()) {
    Body body;
    body.text("user", name).text("recipient", *text);
    const auto answer = remote->call("POST", "/v1/user-exports", &body);
    if (!round.take(name, answer, [](const Document& done) {
          return "sealed " + printable(done.text("user")) + ": " + countsOf(done);
        }))
      break;
    if (!answer->good()) continue;
    source = answer->document.text("source");
    if (auto package = kms::pki::fromBase64(answer->document.text("package")))
      packages.push_back(*std::move(package));
  }
  if (!packages.empty()) {
    auto wrote = writeBlocks(parsed.text("out"), kUsers, kUserLabel, packages);
    if (!wrote) return fail(wrote.error());
    std::cerr << "the other server must be told that they come from the authority\n  " << printable(source)
              << "\n";
  }
  return round.end();
}

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
Result<std::string> sourceOf(const std::vector<base::Bytes>& packages) {
  std::string source;
  for (const base::Bytes& bytes : packages) {
    auto package = kms::pki::decodePackage(bytes);
    if (!package) return std::move(package).error();
    const std::string one = base::toHex(kms::pki::sha256(package->source));
    if (!source.empty() && one != source)
      return Error{Code::Invalid, "this file has users of more than one authority; import them one by one"};
    source = one;
  }
  return source;
}

Exit importAll(const Parsed& parsed, const std::vector<base::Bytes>& packages, const std::string& source) {
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  Round round(parsed);
  std::vector<base::Bytes> receipts;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    http::Request request;
    request.method = "POST";
    request.path = "/v1/user-imports";
    request.query = {{"source", source}, {"role", parsed.text("role")}};
    request.contentType = "application/octet-stream";
    request.body = base::secretText(base::asText(packages[i]));
    auto response = remote->send(std::move(request));
    Result<Answer> answer = [&]() -> Result<Answer> {
      if (!response) return std::move(response).error();
      auto document = Document::parse(base::view(response->body));
      if (!document) return std::move(document).error();
      return Answer{response->status, *std::move(document)};
    }();
    const bool more =
        round.take("user " + std::to_string(i + 1) + " of the file", answer, [](const Document& done) {
          return std::string(done.flag("again") ? "there already: " : "imported ") +
                 printable(done.text("user")) + " (" + done.text("role") + "): " + countsOf(done);
        });
    if (!more) break;
    if (!answer->good()) continue;
    if (auto receipt = kms::pki::fromBase64(answer->document.text("receipt")))
      receipts.push_back(*std::move(receipt));
  }
  if (!receipts.empty()) {
    auto wrote = writeBlocks(parsed.text("receipt"), kReceipts, kReceiptLabel, receipts);
    if (!wrote) return fail(wrote.error());
  }
  return round.end();
}

Exit runImport(const Parsed& parsed) {
  if (parsed.has("recipient")) {
    if (!parsed.arguments().empty()) return fail(Exit::Usage, "--recipient takes no file");
    return giveRecipient(parsed);
  }
  if (parsed.arguments().empty() || !parsed.has("receipt"))
    return fail(Exit::Usage, "name a file, and give --receipt; see 'kmsctl user import --help'");
  if (auto fresh = requireNew(parsed.text("receipt")); !fresh) return fail(fresh.error());
  const auto packages = readBlocks(parsed.arguments().front(), kUsers, kUserLabel);
  if (!packages) return fail(packages.error());
  const auto source = sourceOf(*packages);
  if (!source) return fail(source.error());
  auto sure = confirmThumbprint(parsed, "The authority that the users come from", *source);
  if (!sure) return fail(sure.error());
  return importAll(parsed, *packages, *source);
}

constexpr std::array kNames = {ArgumentSpec{"NAME", "the users to hand over", false, true}};
constexpr std::array kFile = {ArgumentSpec{"FILE", "what kmsctl user export wrote", false}};
constexpr std::array kExportOptions = {
    OptionSpec{"to", "CERT", "PEM: the certificate that the other server's user import --recipient gave"},
    OptionSpec{"out", "F", "the file to write; it must not be there"},
    OptionSpec{"thumbprint", "SHA256",
               "the thumbprint of CERT, as the other server shows it; without it: asked"},
    OptionSpec{"confirm", "F", "the receipts of the import: revoke here what these users have"},
};
constexpr std::array kImportOptions = {
    OptionSpec{"recipient", "", "give the certificate that other servers export users to"},
    OptionSpec{"receipt", "F",
               "write the receipts, for the other server, to this file; it must not be there"},
    OptionSpec{"thumbprint", "SHA256",
               "the thumbprint of the other server's authority, as it shows it; without it: asked"},
    OptionSpec{"role", "R", "the most that they may do here", "user", false, false, false,
               "user verifier issuer admin"},
};
constexpr std::array kVerbs = {
    VerbSpec{"user export", "seals users, with their encryption keys, for another server", kNames,
             kExportOptions,
             "kmsctl user export alice bob --to other.pem --out users.kdu # they go on here\n"
             "kmsctl user export --confirm users.receipt                  # now they have moved",
             runExport},
    VerbSpec{"user import", "takes users who were exported by another server", kFile, kImportOptions,
             "kmsctl user import --recipient > other.pem                # for the other server\n"
             "kmsctl user import users.kdu --receipt users.receipt      # once more is no error\n"
             "kmsctl user import users.kdu --receipt r --role issuer    # at most issuers",
             runImport},
};

}  // namespace

std::span<const VerbSpec> userMoveVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
