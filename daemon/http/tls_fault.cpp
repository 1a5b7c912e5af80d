#include "daemon/http/tls_fault.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "daemon/http/tls_certificate.h"

namespace kmsd::http {
namespace {

TlsFault faultOfCertificate(long verified) {
  switch (verified) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return TlsFault::UnknownAuthority;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return TlsFault::Expired;
    case X509_V_ERR_CERT_REVOKED:
      return TlsFault::Revoked;
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return TlsFault::CrlExpired;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return TlsFault::CrlMissing;
    default:
      return TlsFault::Unusable;
  }
}

TlsFault faultOfReason(int reason) {
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return TlsFault::PlainHttp;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return TlsFault::NotTls;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
      return TlsFault::NothingShared;
    case SSL_R_CERT_CB_ERROR:
      return TlsFault::NothingToShow;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return TlsFault::Closed;
    default:
      return TlsFault::Other;
  }
}

}  // namespace

TlsFailure lastTlsFailure(long verified) {
  const unsigned long error = ERR_peek_last_error();
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  TlsFailure out;
  if (verified != X509_V_OK) {
    out.fault = faultOfCertificate(verified);
    out.what = X509_verify_cert_error_string(verified);
    ERR_clear_error();
    return out;
  }
  if (error == 0) return {TlsFault::Closed, 0, "the connection was closed"};
  // OpenSSL's number of an alert that came.
  if (reason > SSL_AD_REASON_OFFSET) {
    out.fault = TlsFault::Refused;
    out.alert = reason - SSL_AD_REASON_OFFSET;
  } else {
    out.fault = faultOfReason(reason);
  }
  out.what = tlsComplaint();
  if (out.fault == TlsFault::NothingToShow) out.what.clear();  // OpenSSL's words say less
  return out;
}

std::string_view certificateRefusal(int alert) noexcept {
  switch (alert) {
    case SSL3_AD_BAD_CERTIFICATE:
      return "it is damaged or not valid yet";
    case SSL3_AD_UNSUPPORTED_CERTIFICATE:
      return "it is not one for TLS clients";
    case SSL3_AD_CERTIFICATE_REVOKED:
      return "it was revoked";
    case SSL3_AD_CERTIFICATE_EXPIRED:
      return "it has expired, or the server's list of revoked ones has";
    case SSL3_AD_CERTIFICATE_UNKNOWN:
    case TLS1_AD_ACCESS_DENIED:
      return "the server says no more than that";
    case TLS1_AD_UNKNOWN_CA:
      return "the server does not know its authority";
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return "there is none, and the server wants one; give --certificate and --key";
    default:
      return {};
  }
}

}  // namespace kmsd::http
