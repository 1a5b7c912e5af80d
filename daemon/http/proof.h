// Proof: how the holder of a certificate shows, on a Unix socket, that its key is his, as the TLS handshake
// shows it over https. It stands in the Authorization header:
//
//   proof  := "Keydisk-Proof" SP time SP certificate SP algorithm SP signature
//             time of RFC 3339; the others DER in base64
//   signed := 64 blanks "keydisk holder proof 1" NUL method LF path LF query LF time LF uid LF
//             hex(SHA-256(certificate)) LF hex(SHA-256(body)) LF
//   query  := (name "=" value "&")*, escaped, the names in order
//
// The blanks and the NUL keep it apart from anything else that the key signs (as RFC 8446, section 4.4.3).
// It counts for two minutes, for this request, and from this uid, which the kernel tells the server: who
// gets hold of it, or relays it, can do nothing with it.
#pragma once

#include "daemon/http/message.h"
#include "kms/pki/key.h"

namespace kmsd::http {

bool showsProof(const Request& request) noexcept;

// The header's value for `request` from a process of this uid. Errors: as kms::pki::PrivateKey::sign.
base::Result<base::SecretText> proofFor(const Request& request, base::BytesView certificate,
                                        const kms::pki::PrivateKey& key, base::Time now, uid_t uid);

// The certificate (DER) whose key has signed the request. Whether it is one of ours, and counts, is not
// looked at. REQUIRES: showsProof(). Errors: Denied / Unauthenticated.
base::Result<base::Bytes> provenCertificate(const Request& request, base::Time now);

}  // namespace kmsd::http
