// The request bodies of the routes for certificates, as those of requests.h. Requests for certificates are
// PEM (or DER in it), and checked: their signature, their key, what they ask for. Errors: also as
// kms::pki::parseRequest.
#pragma once

#include "hal/base/result.h"
#include "kms/pki/certificate_service.h"

namespace kmsd::http {

// {"user", "token", "csr" (PEM), "implicit_confirm"}
struct EnrolRequest {
  std::string user;
  base::SecretText token;
  std::optional<kms::pki::CertificateRequest> request;  // there
  bool implicit = false;
};
base::Result<EnrolRequest> parseEnrol(std::string_view body);
// {"user", "token", "serial", "certificate_sha256", "accepted" (true where absent)}
struct EnrolConfirmation {
  std::string user;
  base::SecretText token;
  kms::pki::Serial serial{};
  base::Bytes hash;
  bool accepted = true;
};
base::Result<EnrolConfirmation> parseEnrolConfirm(std::string_view body);
// {"user", "profile" ("user-signing" where absent), "csr"}
struct CertificateWish {
  std::string user;
  kms::pki::Profile profile = kms::pki::Profile::Signing;
  std::optional<kms::pki::CertificateRequest> request;  // there
};
base::Result<CertificateWish> parseCertificateWish(std::string_view body);
// {"csr"}
base::Result<kms::pki::CertificateRequest> parseRenewal(std::string_view body);
// {"reason"}, "unspecified" where absent
base::Result<kms::pki::RevocationReason> parseCertificateRevocation(std::string_view body);
// {"key", "name"}, both optional
struct AuthorityWish {
  kms::pki::KeyKind key = kms::pki::KeyKind::EcdsaP256;
  std::string name;
  bool replace = false;
};
base::Result<AuthorityWish> parseAuthorityWish(std::string_view body);
// The same with "replace".
base::Result<AuthorityWish> parseAuthorityRequest(std::string_view body);
// {"chain"}: PEM
base::Result<std::vector<kms::pki::Certificate>> parseAuthorityChain(std::string_view body);
// {"key"}; none where absent
base::Result<std::optional<kms::pki::KeyKind>> parseRollover(std::string_view body);
}  // namespace kmsd::http
