// Why TLS with the other end failed: for the server's log and metrics, and for what kmsctl says.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace kmsd::http {

// In the order of kTlsFaults.
enum class TlsFault : std::uint8_t {
  None,
  UnknownAuthority,
  Expired,
  Revoked,
  CrlExpired,
  CrlMissing,
  Unusable,
  PlainHttp,
  NotTls,
  NothingShared,
  NothingToShow,
  Refused,
  TimedOut,
  Closed,
  Other
};

struct TlsFaultRow {
  TlsFault fault;
  std::string_view name;     // the label of a metric
  std::string_view meaning;  // as the server sees its client
};

inline constexpr std::array kTlsFaults = {
    TlsFaultRow{TlsFault::None, "none", ""},
    TlsFaultRow{TlsFault::UnknownAuthority, "unknown_ca",
                "the client's certificate is of no authority of --tls-client-ca"},
    TlsFaultRow{TlsFault::Expired, "certificate_expired", "the client's certificate has expired"},
    TlsFaultRow{TlsFault::Revoked, "certificate_revoked", "the client's certificate was revoked"},
    TlsFaultRow{TlsFault::CrlExpired, "crl_expired",
                "the CRL in the file of --tls-client-ca has run out; put a newer one there, then SIGHUP"},
    TlsFaultRow{TlsFault::CrlMissing, "crl_missing",
                "the file of --tls-client-ca has CRLs, but none for the client's authority"},
    TlsFaultRow{TlsFault::Unusable, "certificate_invalid", "the client's certificate cannot be used"},
    TlsFaultRow{TlsFault::PlainHttp, "plain_http", "the client speaks http to an https port"},
    TlsFaultRow{TlsFault::NotTls, "not_tls", "the client does not speak TLS"},
    TlsFaultRow{TlsFault::NothingShared, "nothing_shared",
                "client and server share no version, cipher, group or protocol"},
    TlsFaultRow{TlsFault::NothingToShow, "no_certificate",
                "this server has no certificate to show: it is sealed, or has no certificate authority yet"},
    TlsFaultRow{TlsFault::Refused, "refused_by_client",
                "the client refused; it may not trust the server's certificate"},
    TlsFaultRow{TlsFault::TimedOut, "timeout", "the client did not finish it in time"},
    TlsFaultRow{TlsFault::Closed, "closed", "the client closed the connection"},
    TlsFaultRow{TlsFault::Other, "other", "it failed"},
};

constexpr const TlsFaultRow& rowOf(TlsFault fault) noexcept {
  return kTlsFaults[static_cast<std::size_t>(fault)];
}

constexpr bool faultsInOrder() {
  for (std::size_t i = 0; i < kTlsFaults.size(); ++i)
    if (static_cast<std::size_t>(kTlsFaults[i].fault) != i) return false;
  return static_cast<std::size_t>(TlsFault::Other) + 1 == kTlsFaults.size();
}
static_assert(faultsInOrder(), "one row for each fault, in the order of TlsFault");

struct TlsFailure {
  TlsFault fault = TlsFault::None;
  int alert = 0;       // that the other end sent (RFC 8446, section 6.2); 0: none
  std::string what{};  // OpenSSL's words; no secret
};

// `verified`: SSL_get_verify_result(). Takes OpenSSL's last complaint of this thread, and empties its list.
TlsFailure lastTlsFailure(long verified);

// Whether the other end told by its alert that it does not take the certificate that was shown to it; then
// why, as the end of a sentence that begins "the server refused this client's certificate".
std::string_view certificateRefusal(int alert) noexcept;

}  // namespace kmsd::http
