// The tools of others, over files in a scratch directory.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hal/base/bytes.h"
#include "kms/pki/signer.h"
#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {

class Tools : public ::testing::Test {
 protected:
  // `openssl ARGUMENT...` and `certtool ARGUMENT...` in the scratch directory's place: names that begin with
  // "@" are files there. Fails the test where the tool does not end with 0; gives what it printed.
  std::string openssl(const std::vector<std::string>& arguments) const;
  std::string certtool(const std::vector<std::string>& arguments) const;
  // The same, without an opinion on how it ends.
  Ran tryOpenssl(const std::vector<std::string>& arguments) const;
  Ran tryCerttool(const std::vector<std::string>& arguments) const;

  void put(const std::string& name, base::BytesView content) const;
  void put(const std::string& name, std::string_view content) const { put(name, base::asBytes(content)); }
  base::Bytes get(const std::string& name) const;
  std::string getText(const std::string& name) const;
  // A certificate as PEM.
  void putCertificate(const std::string& name, base::BytesView der) const;

 private:
  std::vector<std::string> command(const std::string& tool, const std::vector<std::string>& arguments) const;
  Scratch scratch_;
};

inline base::Time now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

// The name of a test that is run for several kinds of keys.
std::string kindOf(const ::testing::TestParamInfo<kms::pki::KeyKind>& test);

// A self-signed authority of this kind that is valid now.
kms::pki::Issuer makeAuthority(kms::pki::KeyKind kind = kms::pki::KeyKind::EcdsaP256);
kms::pki::CertificateOrder orderFor(const kms::pki::PublicKey& key, kms::pki::Profile profile);
// Every error, or "" where it is none.
template <class T>
std::string errorOf(const base::Result<T>& result) {
  return result ? "" : result.error().what;
}

}  // namespace tests
