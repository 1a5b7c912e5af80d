// EnrolFiles: the directory that an enrolment fills: key.pem first, so that an interrupted one goes on with
// the same key, then certificate.pem, chain.pem and, where it is wanted, bundle.p12.
#pragma once

#include <filesystem>

#include "kms/pki/key.h"

namespace kmsd::ctl {

class EnrolFiles {
 public:
  explicit EnrolFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}

  // Makes the directory where there is none. Unless `force`, what is finished there is not overwritten.
  // Errors: Conflict; as base::systemError.
  base::Result<void> prepare(bool force) const;
  // The key that is there, or a new one, which is on the disk when this returns.
  // Errors: as PrivateKey::generate and parse; those of the files.
  base::Result<kms::pki::PrivateKey> key(kms::pki::KeyKind kind, bool anew) const;
  base::Result<void> writeCertificates(const std::string& certificate, const std::string& chain) const;
  base::Result<void> writeBundle(base::BytesView bundle) const;

  std::filesystem::path file(const char* name) const { return directory_ / name; }

 private:
  std::filesystem::path directory_;
};

}  // namespace kmsd::ctl
