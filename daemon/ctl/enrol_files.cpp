#include "daemon/ctl/enrol_files.h"

#include "daemon/key_pem.h"
#include "hal/base/file.h"
#include "kms/pki/base64.h"

namespace kmsd::ctl {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;

constexpr const char* kKey = "key.pem";
constexpr const char* kCertificate = "certificate.pem";
constexpr const char* kChain = "chain.pem";
constexpr const char* kBundle = "bundle.p12";
constexpr std::size_t kKeyMost = 16 * 1024;  // bytes
constexpr mode_t kSecret = 0600;
constexpr mode_t kPublic = 0644;

}  // namespace

base::Result<void> EnrolFiles::prepare(bool force) const {
  std::error_code failed;
  fs::create_directories(directory_, failed);
  if (failed) return base::systemError(directory_.string(), failed.value());
  for (const char* name : {kCertificate, kChain, kBundle})
    if (!force && fs::exists(file(name), failed))
      return Error{Code::Conflict,
                   file(name).string() + " is there already; take another directory, or --force"};
  return {};
}

base::Result<kms::pki::PrivateKey> EnrolFiles::key(kms::pki::KeyKind kind, bool anew) const {
  std::error_code ignored;
  if (!anew && fs::exists(file(kKey), ignored)) {
    auto text = base::readSecretFile(file(kKey), kKeyMost);
    if (!text) return std::move(text).error();
    auto blocks = kms::pki::pemBlocks(text->text(), {"PRIVATE KEY"}, 1);
    if (!blocks || blocks->empty())
      return Error{Code::Corrupt,
                   file(kKey).string() + ": there is no private key in it; remove it, or --new-key"};
    auto key = kms::pki::PrivateKey::parse(blocks->front());
    base::wipe(blocks->front());
    return key;
  }
  auto key = kms::pki::PrivateKey::generate(kind);
  if (!key) return key;
  auto pkcs8 = key->encode();
  if (!pkcs8) return std::move(pkcs8).error();
  const base::SecretText text = keyPem(pkcs8->bytes());
  if (auto kept = base::writeFileDurably(file(kKey), base::asBytes(base::view(text)), kSecret); !kept)
    return std::move(kept).error();
  return key;
}

base::Result<void> EnrolFiles::writeCertificates(const std::string& certificate,
                                                 const std::string& chain) const {
  if (auto kept = base::writeFileDurably(file(kChain), base::asBytes(chain), kPublic); !kept) return kept;
  return base::writeFileDurably(file(kCertificate), base::asBytes(certificate), kPublic);
}

base::Result<void> EnrolFiles::writeBundle(base::BytesView bundle) const {
  return base::writeFileDurably(file(kBundle), bundle, kSecret);
}

}  // namespace kmsd::ctl
