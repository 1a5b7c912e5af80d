#include "kms/pki/est.h"

#include "kms/pki/base64.h"
#include "kms/pki/certificate.h"
#include "kms/pki/der.h"
#include "kms/pki/oids.h"
#include "kms/tokens/guarded.h"

namespace kms::pki {
namespace {

constexpr std::size_t kBodyMost = 2 * kMostDer;
constexpr std::uint64_t kRsaBits = 3072;

}  // namespace

base::Result<base::Bytes> certsOnly(const std::vector<base::Bytes>& certificates) {
  Der der;
  der.sequence([&] {
    der.oid(oid::kSignedData);
    der.nest(contextTag(0), [&] {
      der.sequence([&] {
        der.small(1);
        der.nest(kSet, [] {});
        der.sequence([&] { der.oid(oid::kData); });
        der.nest(contextTag(0), [&] {
          for (const base::Bytes& certificate : certificates) der.raw(certificate);
        });
        der.nest(kSet, [] {});
      });
    });
  });
  return std::move(der).take();
}

std::string estBody(base::BytesView der) { return toBase64(der); }

base::Result<CertificateRequest> parseEstRequest(base::BytesView body) {
  if (body.size() > kBodyMost)
    return base::Error{base::Code::Invalid, "the request is larger than 128 KiB; send PKCS#10 in base64"};
  if (body.empty()) return base::Error{base::Code::Invalid, "the body is empty; send PKCS#10 in base64"};
  // Some clients send PEM or plain DER. Neither can be the base64 of a request, which begins with M.
  if (body.front() == std::byte{kSequence} || body.front() == std::byte{'-'}) return parseRequestText(body);
  const auto der = fromBase64(base::asText(body));
  if (!der) return base::Error{base::Code::Invalid, "the request is not base64; send PKCS#10 in base64"};
  return parseRequest(*der);
}

base::Bytes csrAttributes() {
  Der der;
  der.sequence([&] {
    der.sequence([&] {
      der.oid(oid::kEc);
      der.nest(kSet, [&] {
        der.oid(oid::kP384);  // a SET OF is sorted by its bytes
        der.oid(oid::kP256);
      });
    });
    der.sequence([&] {
      der.oid(oid::kRsa);
      der.nest(kSet, [&] { der.small(kRsaBits); });
    });
    der.oid(oid::kEcdsaSha256);
    der.oid(oid::kEcdsaSha384);
    der.oid(oid::kRsaSha256);
    der.oid(oid::kEd25519);
  });
  return std::move(der).take();
}

base::Result<ServerKeygenBody> serverKeygenBody(base::BytesView pkcs8,
                                                const std::vector<base::Bytes>& certificates,
                                                base::BytesView boundary) {
  if (boundary.empty() || boundary.size() > 32)
    return base::Error{base::Code::Internal, "a boundary must have 1 to 32 bytes"};
  const auto chain = certsOnly(certificates);
  if (!chain) return chain.error();
  return guarded([&]() -> base::Result<ServerKeygenBody> {
    const std::string name = base::toHex(boundary);
    ServerKeygenBody out{"multipart/mixed; boundary=" + name, {}};
    out.body.reserve(base64Length(pkcs8.size()) + base64Length(chain->size()) + 512);
    const auto text = [&](std::string_view part) {
      out.body.insert(out.body.end(), part.begin(), part.end());
    };
    const auto part = [&](std::string_view type, base::BytesView content) {
      text("--" + name + "\r\nContent-Type: ");
      text(type);
      text("\r\nContent-Transfer-Encoding: base64\r\n\r\n");
      appendBase64(content, out.body);
      text("\r\n");
    };
    part("application/pkcs8", pkcs8);
    part("application/pkcs7-mime; smime-type=certs-only", *chain);
    text("--" + name + "--\r\n");
    return out;
  });
}

}  // namespace kms::pki
