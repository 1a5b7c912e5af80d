// HolderKey: a certificate with its private key, out of PEM files.
#pragma once

#include <filesystem>

#include "kms/pki/certificate.h"
#include "kms/pki/key.h"

namespace kmsd::ctl {

struct HolderKey {
  base::Bytes certificate;  // DER
  kms::pki::PrivateKey key;
};

// One "PRIVATE KEY" (PKCS#8) in a PEM text. `name`: what errors call the text. Errors: Corrupt.
base::Result<kms::pki::PrivateKey> parseKeyPem(std::string_view text, const std::string& name);
base::Result<kms::pki::PrivateKey> readKeyPem(const std::filesystem::path& file);
// All certificates in the file. Errors: those of the file; Invalid (naming it).
base::Result<std::vector<kms::pki::Certificate>> readCertificatesPem(const std::filesystem::path& file);
// The first certificate of a file, and its key. Errors: as above; Invalid (two that do not fit).
base::Result<HolderKey> readHolderKey(const std::filesystem::path& certificate,
                                      const std::filesystem::path& key);

}  // namespace kmsd::ctl
