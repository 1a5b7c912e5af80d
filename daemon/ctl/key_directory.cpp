#include "daemon/ctl/key_directory.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "daemon/ctl/holder_key.h"
#include "daemon/ctl/issued.h"
#include "daemon/key_pem.h"
#include "hal/base/file.h"

namespace kmsd::ctl {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;
using base::Result;

constexpr const char* kMarker = ".enrolment";
constexpr const char* kOld = "old";
constexpr const char* kNext = ".next";
constexpr std::size_t kFileMost = 512 * 1024;  // bytes
constexpr std::size_t kNameMost = 256;         // bytes
constexpr mode_t kSecretMode = 0600;
constexpr mode_t kPublicMode = 0644;

constexpr std::array kLeft = {kSigningPair.key, kSigningPair.certificate, kEncryptionPair.key,
                              kAuthorityFile,   kSigningBundle,           kEncryptionPair.certificate,
                              kLinksFile,       kEncryptionBundle};

bool isThere(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

// The serial number of the certificate in this file, or "none" where nobody can tell.
std::string serialIn(const fs::path& file) {
  const auto all = readCertificatesPem(file);
  return all ? base::toHex(all->front().serial) : "none";
}

Result<void> makeDirectory(const fs::path& path) {
  std::error_code failed;
  const bool made = fs::create_directories(path, failed);
  if (!failed && made) fs::permissions(path, fs::perms::owner_all, failed);
  if (failed) return base::systemError("cannot make " + path.string(), failed.value());
  return {};
}

}  // namespace

bool KeyDirectory::has(const std::string& name) const { return isThere(file(name)); }

Result<void> KeyDirectory::make() const { return makeDirectory(path_); }

Result<void> KeyDirectory::lock() {
  lock_ = base::Fd(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_) return base::systemError("cannot open " + path_.string(), errno);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  return Error{Code::Conflict, "another kmsctl is at work in " + path_.string(), base::Reason::LockHeld};
}

Result<std::string> KeyDirectory::enrolling() const {
  if (!has(kMarker)) return std::string();
  return base::readSmallFile(file(kMarker), kNameMost);
}

Result<void> KeyDirectory::beginEnrolment(const std::string& user) const {
  return writeSecret(kMarker, base::asBytes(user));
}

Result<void> KeyDirectory::endEnrolment() const {
  std::error_code failed;
  fs::remove(file(kMarker), failed);
  if (failed) return base::systemError("cannot remove " + file(kMarker).string(), failed.value());
  return base::syncDirectory(path_);
}

bool KeyDirectory::inUse() const {
  // A key alone may be the user's own, made ahead.
  for (const char* name : kLeft)
    if (name != kSigningPair.key && has(name)) return true;
  return false;
}

Result<void> KeyDirectory::moveAside() const {
  if (auto made = makeDirectory(file(kOld)); !made) return made;
  const std::string signing = serialIn(file(kSigningPair.certificate));
  const std::string encryption = serialIn(file(kEncryptionPair.certificate));
  for (const std::string name : kLeft) {
    if (!has(name)) continue;
    const bool other = name.starts_with("encryption");
    const std::string to = (fs::path(kOld) / ((other ? encryption : signing) + "-" + name)).string();
    // Of those that no certificate names, none may take another's place.
    std::string free = to;
    for (int i = 1; has(free); ++i) free = to + "." + std::to_string(i);
    if (auto moved = rename(name, free); !moved) return moved;
  }
  return base::syncDirectory(path_);
}

Result<kms::pki::PrivateKey> KeyDirectory::keyOrNew(const std::string& name, kms::pki::KeyKind kind) const {
  if (has(name)) return readKeyPem(file(name));
  auto key = kms::pki::PrivateKey::generate(kind);
  if (!key) return key;
  const auto pkcs8 = key->encode();
  if (!pkcs8) return pkcs8.error();
  const base::SecretText text = keyPem(pkcs8->bytes());
  if (auto kept = writeSecret(name, base::asBytes(base::view(text))); !kept) return std::move(kept).error();
  return key;
}

Result<void> KeyDirectory::writeSecret(const std::string& name, base::BytesView content) const {
  return base::writeFileDurably(file(name), content, kSecretMode);
}

Result<void> KeyDirectory::writePublic(const std::string& name, base::BytesView content) const {
  return base::writeFileDurably(file(name), content, kPublicMode);
}

std::vector<base::Bytes> KeyDirectory::links() const {
  std::vector<base::Bytes> out;
  if (const auto all = readCertificatesPem(file(kLinksFile)))
    for (const kms::pki::Certificate& one : *all) out.push_back(one.der);
  return out;
}

Result<void> KeyDirectory::keepLinks(const std::vector<kms::pki::Certificate>& links) const {
  if (!links.empty()) return writePublic(kLinksFile, base::asBytes(pemOf(links)));
  std::error_code failed;
  if (!fs::remove(file(kLinksFile), failed) && !failed) return {};
  if (failed) return base::systemError("cannot remove " + file(kLinksFile).string(), failed.value());
  return base::syncDirectory(path_);
}

Result<void> KeyDirectory::keep(const std::string& name, const std::string& serial) const {
  if (!has(name)) return {};
  const auto content = base::readSecretFile(file(name), kFileMost);
  if (!content) return content.error();
  if (auto made = makeDirectory(file(kOld)); !made) return made;
  const std::string to = std::string(kOld) + "/" + serial + "-" + name;
  if (has(to)) return {};
  // The final line end, which reading a secret drops.
  base::SecretText text = base::secretText(content->text());
  if (name.ends_with(".pem")) text.push_back('\n');
  return writeSecret(to, base::asBytes(base::view(text)));
}

Result<void> KeyDirectory::keepOld(PairNames names, const std::string& serial, base::BytesView key,
                                   std::string_view certificate) const {
  if (auto made = makeDirectory(file(kOld)); !made) return made;
  const std::string stem = std::string(kOld) + "/" + serial + "-";
  if (!has(stem + names.key))
    if (auto written = writeSecret(stem + names.key, key); !written) return written;
  if (has(stem + names.certificate)) return {};
  return writePublic(stem + names.certificate, base::asBytes(certificate));
}

Result<void> KeyDirectory::replace(PairNames names, base::BytesView key, std::string_view certificate) const {
  const std::string serial = serialIn(file(names.certificate));
  const auto given = kms::pki::parsePemCertificates(certificate);
  if (!given) return given.error();
  if (has(names.certificate) && serial != base::toHex(given->front().serial)) {
    if (auto kept = keep(names.certificate, serial); !kept) return kept;
    if (!key.empty())
      if (auto kept = keep(names.key, serial); !kept) return kept;
  }
  const std::string nextKey = std::string(names.key) + kNext;
  std::error_code ignored;
  fs::remove(file(std::string(names.certificate) + kNext), ignored);  // of another pair than this
  if (key.empty()) fs::remove(file(nextKey), ignored);
  if (!key.empty())
    if (auto written = writeSecret(nextKey, key); !written) return written;
  if (auto written = writePublic(std::string(names.certificate) + kNext, base::asBytes(certificate));
      !written)
    return written;
  return finishReplacing(names);
}

Result<void> KeyDirectory::finishReplacing(PairNames names) const {
  const std::string key = std::string(names.key) + kNext;
  const std::string certificate = std::string(names.certificate) + kNext;
  if (!has(certificate)) return {};
  if (has(key))
    if (auto done = rename(key, names.key); !done) return done;
  if (auto done = rename(certificate, names.certificate); !done) return done;
  return base::syncDirectory(path_);
}

Result<void> KeyDirectory::rename(const std::string& from, const std::string& to) const {
  std::error_code failed;
  fs::rename(file(from), file(to), failed);
  if (failed) return base::systemError("cannot rename to " + file(to).string(), failed.value());
  return {};
}

}  // namespace kmsd::ctl
