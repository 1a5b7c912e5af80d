#include "daemon/ctl/move_files.h"

#include <iostream>

#include "daemon/terminal.h"
#include "hal/base/file.h"
#include "kms/pki/base64.h"
#include "kms/pki/certificate.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using base::Result;

struct Kind {
  std::string_view head;
  std::string_view label;
};

Kind kindOf(MoveFile kind) {
  if (kind == MoveFile::Users) return {"keydisk users: ", "KEYDISK USER"};
  return {"keydisk receipts: ", "KEYDISK RECEIPT"};
}

std::string firstLine(const Kind& kind, std::size_t count) {
  return std::string(kind.head) + std::to_string(count) + "\n";
}

// As it is compared, without colons, blanks and capitals.
std::string plainThumbprint(std::string text) {
  std::erase_if(text, [](char c) { return c == ':' || c == ' '; });
  for (char& c : text)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

Result<std::vector<base::Bytes>> readMoveFile(const std::string& path, MoveFile which) {
  const Kind kind = kindOf(which);
  auto text = base::readSmallFile(path, kMoveFileMost);
  if (!text) return std::move(text).error();
  const std::string_view all(*text);
  if (!all.starts_with(kind.head)) {
    const bool other =
        all.starts_with(kindOf(MoveFile::Users).head) || all.starts_with(kindOf(MoveFile::Receipts).head);
    if (!other) return Error{Code::Invalid, path + " is no file of users who move, and no receipts of them"};
    return Error{Code::Invalid, which == MoveFile::Users
                                    ? path + " holds receipts; they go back to the server that the users left"
                                    : path + " holds users; receipts are what kmsctl user import writes"};
  }
  auto blocks = kms::pki::pemBlocks(all, {kind.label}, kMoveBlocksMost);
  if (!blocks || blocks->empty() || !all.starts_with(firstLine(kind, blocks->size())))
    return Error{Code::Invalid, path + " is cut or altered; fetch it again"};
  return *std::move(blocks);
}

Result<NewFile> beginMoveFile(const std::string& path) { return NewFile::create(path, 0); }

Result<void> writeMoveFile(NewFile& file, MoveFile which, const std::vector<base::Bytes>& blocks) {
  const Kind kind = kindOf(which);
  if (auto wrote = file.write(base::asBytes(firstLine(kind, blocks.size()))); !wrote) return wrote;
  for (const base::Bytes& block : blocks)
    if (auto wrote = file.write(base::asBytes(kms::pki::pem(kind.label, block))); !wrote) return wrote;
  return file.commit();
}

Result<void> confirmThumbprint(const Parsed& parsed, const std::string& what, const std::string& thumbprint,
                               const std::string& where) {
  if (parsed.has("thumbprint")) {
    if (plainThumbprint(parsed.text("thumbprint")) == thumbprint) return {};
    return Error{Code::Invalid, what + " has the thumbprint " + thumbprint +
                                    ", not the one of --thumbprint; nothing was done"};
  }
  if (!canAsk())
    return Error{Code::Invalid, what + " has the thumbprint " + thumbprint + "; compare it with what '" +
                                    where + "' shows at the other server, and give it as --thumbprint"};
  std::cerr << printable(what) << " has the thumbprint\n  " << thumbprint << "\n";
  auto yes = askYes("Does '" + where + "' show the same at the other server?");
  if (!yes) return std::move(yes).error();
  if (!*yes) return Error{Code::Denied, "not confirmed; nothing was done", base::Reason::Forbidden};
  return {};
}

std::string counted(std::uint64_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

}  // namespace kmsd::ctl
