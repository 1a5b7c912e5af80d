#include "tests/integration/durability/published_status.h"

#include <gtest/gtest.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>

namespace tests {
namespace {

template <class T, auto kFree>
struct Free {
  void operator()(T* object) const noexcept { kFree(object); }
};
using Crl = std::unique_ptr<X509_CRL, Free<X509_CRL, X509_CRL_free>>;
using Number = std::unique_ptr<ASN1_INTEGER, Free<ASN1_INTEGER, ASN1_INTEGER_free>>;
using Id = std::unique_ptr<OCSP_CERTID, Free<OCSP_CERTID, OCSP_CERTID_free>>;
using Request = std::unique_ptr<OCSP_REQUEST, Free<OCSP_REQUEST, OCSP_REQUEST_free>>;
using Response = std::unique_ptr<OCSP_RESPONSE, Free<OCSP_RESPONSE, OCSP_RESPONSE_free>>;
using Basic = std::unique_ptr<OCSP_BASICRESP, Free<OCSP_BASICRESP, OCSP_BASICRESP_free>>;
using Trust = std::unique_ptr<X509_STORE, Free<X509_STORE, X509_STORE_free>>;

const unsigned char* in(base::BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

kms::pki::Serial serialOf(const ASN1_INTEGER* number) {
  kms::pki::Serial serial{};
  const auto size = static_cast<std::size_t>(ASN1_STRING_length(number));
  EXPECT_EQ(size, serial.size());
  const base::BytesView bytes(reinterpret_cast<const std::byte*>(ASN1_STRING_get0_data(number)), size);
  std::copy_n(bytes.begin(), std::min(size, serial.size()), serial.begin());
  return serial;
}

Id idOf(X509* authority, const kms::pki::Serial& serial) {
  const Number number(ASN1_INTEGER_new());
  ASN1_STRING_set(number.get(), serial.data(), static_cast<int>(serial.size()));
  return Id(OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(authority), X509_get0_pubkey_bitstr(authority),
                             number.get()));
}

}  // namespace

PublishedStatus::PublishedStatus(base::BytesView authority) {
  const unsigned char* at = in(authority);
  authority_.reset(d2i_X509(nullptr, &at, static_cast<long>(authority.size())), X509_free);
  EXPECT_TRUE(authority_) << "the authority's certificate is none";
}

PublishedStatus::List PublishedStatus::readList(base::BytesView der) const {
  List out;
  const unsigned char* at = in(der);
  const Crl crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  if (!crl) {
    ADD_FAILURE() << "the CRL is none";
    return out;
  }
  EXPECT_EQ(X509_CRL_verify(crl.get(), X509_get0_pubkey(authority_.get())), 1);
  const Number number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl.get(), NID_crl_number, nullptr, nullptr)));
  if (number) out.number = ASN1_INTEGER_get(number.get());
  const auto* const entries = X509_CRL_get_REVOKED(crl.get());
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i)
    EXPECT_TRUE(
        out.revoked.insert(serialOf(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i))))
            .second)
        << "a certificate stands in the CRL twice";
  return out;
}

base::Bytes PublishedStatus::ocspRequest(const kms::pki::Serial& serial) const {
  const Request request(OCSP_REQUEST_new());
  OCSP_request_add0_id(request.get(), idOf(authority_.get(), serial).release());
  base::Bytes der(static_cast<std::size_t>(std::max(i2d_OCSP_REQUEST(request.get(), nullptr), 0)));
  auto* at = reinterpret_cast<unsigned char*>(der.data());
  i2d_OCSP_REQUEST(request.get(), &at);
  return der;
}

std::string PublishedStatus::readOcsp(base::BytesView answer, const kms::pki::Serial& serial) const {
  const unsigned char* at = in(answer);
  const Response response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(answer.size())));
  const Basic basic(response ? OCSP_response_get1_basic(response.get()) : nullptr);
  if (!basic) {
    ADD_FAILURE() << "OCSP does not answer";
    return "none";
  }
  const Trust trust(X509_STORE_new());
  X509_STORE_add_cert(trust.get(), authority_.get());
  EXPECT_EQ(OCSP_basic_verify(basic.get(), nullptr, trust.get(), 0), 1);
  int status = -1;
  EXPECT_EQ(OCSP_resp_find_status(basic.get(), idOf(authority_.get(), serial).get(), &status, nullptr,
                                  nullptr, nullptr, nullptr),
            1);
  return OCSP_cert_status_str(status);
}

}  // namespace tests
