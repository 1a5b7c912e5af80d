#include "daemon/http/tls_certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <ctime>
#include <new>

namespace kmsd::http {

void FreeX509::operator()(x509_st* certificate) const noexcept { X509_free(certificate); }
void FreeBio::operator()(bio_st* bio) const noexcept { BIO_free_all(bio); }

std::optional<base::Time> timeOf(const asn1_string_st& time) {
  tm parts{};
  if (ASN1_TIME_to_tm(&time, &parts) != 1) return std::nullopt;
  return base::Time(std::chrono::seconds(::timegm(&parts)));
}

std::optional<ClientCertificate> clientCertificate(const x509_st& certificate) {
  const X509_NAME* const subject = X509_get_subject_name(&certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return std::nullopt;
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (size < 0) return std::nullopt;
  ClientCertificate out;
  out.commonName.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  const auto until = timeOf(*X509_get0_notAfter(&certificate));
  if (!until) return std::nullopt;
  out.notAfter = *until;
  if (out.commonName.empty() || out.commonName.find('\0') != out.commonName.npos) return std::nullopt;
  return out;
}

base::Bytes derOf(const x509_st& certificate) {
  unsigned char* text = nullptr;
  const int size = i2d_X509(&certificate, &text);
  if (size < 0) throw std::bad_alloc();
  const auto* const from = reinterpret_cast<const std::byte*>(text);
  base::Bytes out(from, from + size);
  OPENSSL_free(text);
  return out;
}

std::string tlsComplaint() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* const reason = code != 0 ? ERR_reason_error_string(code) : nullptr;
  return reason != nullptr ? reason : "no reason is known";
}

}  // namespace kmsd::http
