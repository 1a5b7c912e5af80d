// What strangers are told of certificates, read by OpenSSL: a CRL, and answers of OCSP.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "kms/pki/certificate.h"

typedef struct x509_st X509;

namespace tests {

class PublishedStatus {
 public:
  // `authority`: the certificate, DER.
  explicit PublishedStatus(base::BytesView authority);

  struct List {
    std::set<kms::pki::Serial> revoked;
    std::int64_t number = 0;
  };
  // Fails the test where the list is none, or not signed by the authority.
  List readList(base::BytesView der) const;

  // A request about one certificate, DER.
  base::Bytes ocspRequest(const kms::pki::Serial& serial) const;
  // "good", "revoked" or "unknown". Fails the test where the answer is none, or not signed by whom the
  // authority has allowed to.
  std::string readOcsp(base::BytesView answer, const kms::pki::Serial& serial) const;

 private:
  std::shared_ptr<X509> authority_;
};

}  // namespace tests
