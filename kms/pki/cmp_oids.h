// Object identifiers of CMP and CRMF (RFC 4210, appendix F; RFC 4211; RFC 9480), as the content octets of
// their DER.
#pragma once

#include "kms/pki/oids.h"

namespace kms::pki::oid {

inline constexpr auto kPasswordBasedMac = "\x2A\x86\x48\x86\xF6\x7D\x07\x42\x0D"sv;
inline constexpr auto kSha384 = "\x60\x86\x48\x01\x65\x03\x04\x02\x02"sv;
inline constexpr auto kSha512 = "\x60\x86\x48\x01\x65\x03\x04\x02\x03"sv;
inline constexpr auto kHmacSha1Ipsec = "\x2B\x06\x01\x05\x05\x08\x01\x02"sv;  // OpenSSL's default
inline constexpr auto kHmacSha1 = "\x2A\x86\x48\x86\xF7\x0D\x02\x07"sv;
inline constexpr auto kHmacSha384 = "\x2A\x86\x48\x86\xF7\x0D\x02\x0A"sv;
inline constexpr auto kHmacSha512 = "\x2A\x86\x48\x86\xF7\x0D\x02\x0B"sv;

inline constexpr auto kImplicitConfirm = "\x2B\x06\x01\x05\x05\x07\x04\x0D"sv;
inline constexpr auto kCurrentCrl = "\x2B\x06\x01\x05\x05\x07\x04\x06"sv;
inline constexpr auto kCaCerts = "\x2B\x06\x01\x05\x05\x07\x04\x11"sv;
inline constexpr auto kRootCaKeyUpdate = "\x2B\x06\x01\x05\x05\x07\x04\x12"sv;
inline constexpr auto kRootCaCert = "\x2B\x06\x01\x05\x05\x07\x04\x14"sv;
inline constexpr auto kCrlStatusList = "\x2B\x06\x01\x05\x05\x07\x04\x16"sv;
inline constexpr auto kCrls = "\x2B\x06\x01\x05\x05\x07\x04\x17"sv;
inline constexpr auto kOldCertId = "\x2B\x06\x01\x05\x05\x07\x05\x01\x05"sv;

}  // namespace kms::pki::oid
