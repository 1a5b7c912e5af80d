#include "daemon/ctl/holder_key.h"

#include "hal/base/file.h"
#include "kms/pki/base64.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

constexpr std::size_t kKeyMost = 16 * 1024;            // bytes
constexpr std::size_t kCertificatesMost = 256 * 1024;  // bytes

}  // namespace

base::Result<kms::pki::PrivateKey> parseKeyPem(std::string_view text, const std::string& name) {
  auto blocks = kms::pki::pemBlocks(text, {"PRIVATE KEY"}, 1);
  if (!blocks || blocks->empty())
    return Error{Code::Corrupt,
                 name + ": there is no private key in it (PKCS#8 in PEM, without a passphrase)"};
  auto key = kms::pki::PrivateKey::parse(blocks->front());
  base::wipe(blocks->front());
  if (!key) return Error{Code::Corrupt, name + ": " + key.error().what};
  return key;
}

base::Result<kms::pki::PrivateKey> readKeyPem(const std::filesystem::path& file) {
  const auto text = base::readSecretFile(file, kKeyMost);
  if (!text) return text.error();
  return parseKeyPem(text->text(), file.string());
}

base::Result<std::vector<kms::pki::Certificate>> readCertificatesPem(const std::filesystem::path& file) {
  const auto text = base::readSmallFile(file, kCertificatesMost);
  if (!text) return text.error();
  auto all = kms::pki::parsePemCertificates(*text);
  if (!all) return Error{Code::Invalid, file.string() + ": " + all.error().what};
  return all;
}

base::Result<HolderKey> readHolderKey(const std::filesystem::path& certificate,
                                      const std::filesystem::path& key) {
  const auto all = readCertificatesPem(certificate);
  if (!all) return all.error();
  auto own = readKeyPem(key);
  if (!own) return std::move(own).error();
  if (all->front().key != own->publicKey().hash())
    return Error{Code::Invalid, key.string() + " is not the key of " + certificate.string()};
  return HolderKey{all->front().der, *std::move(own)};
}

}  // namespace kmsd::ctl
