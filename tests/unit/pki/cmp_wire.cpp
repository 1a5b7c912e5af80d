#include "tests/unit/pki/cmp_wire.h"

#include <gtest/gtest.h>

#include "kms/pki/cmp_oids.h"

namespace tests {

using namespace kms::pki;

namespace {

constexpr auto kEmptyName = std::string_view("\xA4\x02\x30\x00", 4);  // GeneralName

base::Bytes pbmOf(std::uint64_t iterations) {
  Der der;
  const auto algorithm = [&](std::string_view oid) {
    der.sequence([&] {
      der.oid(oid);
      der.null();
    });
  };
  der.sequence([&] {
    der.oid(oid::kPasswordBasedMac);
    der.sequence([&] {
      der.element(kOctetString, std::string_view("saltsaltsaltsalt"));
      algorithm(oid::kSha256);
      der.small(iterations);
      algorithm(oid::kHmacSha256);
    });
  });
  return std::move(der).take();
}

// The MAC under any count of iterations that is bearable; others are refused before it is looked at.
base::Bytes macOf(base::BytesView algorithm, const std::string& secret, base::BytesView covered) {
  const auto pbm = parsePbm(algorithm);
  if (!pbm) return base::Bytes(32);
  const auto key = pbmKey(*pbm, pbm->salt, secret);
  return *hmac(pbm->macDigest, *key, covered);
}

// The first PKIStatusInfo with a failInfo, wherever it stands: SEQUENCE { INTEGER 2, text, BIT STRING }.
std::optional<unsigned> failureIn(DerReader in) {
  while (in.more()) {
    const std::uint8_t tag = in.peek();
    const auto value = in.value(tag);
    if (tag == kBitString && value.size() >= 2 && value.size() <= 5) {
      for (unsigned bit = 0; bit < (value.size() - 1) * 8; ++bit)
        if ((std::to_integer<unsigned>(value[1 + bit / 8]) >> (7 - bit % 8) & 1U) != 0) return bit;
    }
    if ((tag & 0x20U) == 0) continue;
    if (auto found = failureIn(DerReader(value))) return found;
  }
  return std::nullopt;
}

}  // namespace

base::Bytes messageOf(const Wire& wire) {
  Der body;
  body.element(contextTag(static_cast<unsigned>(wire.type)), wire.content);
  const base::Bytes algorithm = wire.key != nullptr
                                    ? base::Bytes(wire.key->algorithm().begin(), wire.key->algorithm().end())
                                    : pbmOf(wire.iterations);
  base::Bytes kid(base::asBytes(wire.user).begin(), base::asBytes(wire.user).end());
  if (wire.key != nullptr) kid = parseCertificate(wire.certificate)->keyIdentifier;
  const base::Bytes header = writeCmpHeader({.version = wire.version,
                                             .sender = base::asBytes(kEmptyName).subspan(2),
                                             .recipient = base::asBytes(kEmptyName),
                                             .time = wire.time,
                                             .algorithm = algorithm,
                                             .senderKid = kid,
                                             .transaction = base::asBytes(wire.transaction),
                                             .senderNonce = base::asBytes(wire.senderNonce),
                                             .recipNonce = wire.recipNonce,
                                             .implicitConfirm = wire.implicitConfirm});
  const base::Bytes covered = cmpProtectedPart(header, body.view());
  std::vector<base::BytesView> extra;
  if (wire.key != nullptr) extra.emplace_back(wire.certificate);
  base::Bytes protection =
      wire.key != nullptr ? *wire.key->sign(covered) : macOf(algorithm, wire.secret, covered);
  if (wire.bare) protection.clear();
  return writeCmpMessage(header, body.view(), protection, extra);
}

base::Bytes crmfOf(const PrivateKey& key, const std::string& name, base::BytesView extra,
                   base::BytesView before) {
  Der request;
  request.sequence([&] {
    request.small(0);
    request.sequence([&] {
      request.raw(before);
      request.nest(contextTag(5), [&] {
        request.sequence([&] {
          request.nest(kSet, [&] {
            request.sequence([&] {
              request.oid(oid::kCommonName);
              request.element(kUtf8String, name);
            });
          });
        });
      });
      request.element(contextTag(6), DerReader(key.publicKey().spki()).value(kSequence));
      request.raw(extra);
    });
  });
  Der der;
  der.sequence([&] {
    der.sequence([&] {
      der.raw(request.view());
      der.nest(contextTag(1), [&] {
        der.raw(key.algorithm());
        der.bits(*key.sign(request.view()));
      });
    });
  });
  return std::move(der).take();
}

base::Bytes certConfOf(base::BytesView hash, unsigned status) {
  Der der;
  der.sequence([&] {
    der.sequence([&] {
      der.element(kOctetString, hash);
      der.small(0);
      der.sequence([&] { der.small(status); });
    });
  });
  return std::move(der).take();
}

base::Bytes revocationOf(base::BytesView certificate, RevocationReason reason) {
  const auto parsed = parseCertificate(certificate);
  Der der;
  der.sequence([&] {
    der.sequence([&] {
      der.sequence([&] {
        der.element(contextTag(1, false), parsed->serial);
        der.element(contextTag(3), parsed->issuer);
      });
      der.sequence([&] {
        der.sequence([&] {
          der.oid(oid::kReasonCode);
          der.nest(kOctetString, [&] { der.small(static_cast<std::uint64_t>(reason), kEnumerated); });
        });
      });
    });
  });
  return std::move(der).take();
}

base::Bytes informationOf(const std::vector<std::string_view>& types) {
  Der der;
  der.sequence([&] {
    for (const auto type : types) der.sequence([&] { der.oid(type); });
  });
  return std::move(der).take();
}

Heard hear(base::Bytes raw) {
  Heard heard;
  heard.raw = std::move(raw);
  auto message = parseCmpMessage(heard.raw);
  if (!message) {
    ADD_FAILURE() << "the server has answered what is no PKIMessage";
    return heard;
  }
  heard.message = *std::move(message);
  heard.mac = isPbm(heard.message.algorithm);
  const CmpBody type = heard.message.type;
  if (type == CmpBody::Error || type == CmpBody::Rp)
    heard.failure = failureIn(DerReader(heard.message.content));
  if (type != CmpBody::Ip && type != CmpBody::Cp && type != CmpBody::Kup) return heard;
  DerReader outer(heard.message.content);
  DerReader fields = outer.enter(kSequence);
  if (fields.next(contextTag(1))) fields.any();  // caPubs
  DerReader response = fields.enter(kSequence).enter(kSequence);
  response.value(kInteger);
  heard.failure = failureIn(DerReader(response.element(kSequence)));
  if (!response.more()) return heard;
  const auto certificate = response.enter(kSequence).value(contextTag(0));
  heard.certificate.assign(certificate.begin(), certificate.end());
  return heard;
}

bool isUnder(const Heard& heard, const std::string& secret) {
  if (!heard.mac) return false;
  const auto covered = cmpProtectedPart(heard.message.header, heard.message.body);
  return base::equalConstantTime(macOf(heard.message.algorithm, secret, covered), heard.message.protection);
}

bool isSigned(const Heard& heard) {
  if (heard.mac) return false;
  const auto signer = signerOf(heard.message);
  return !signer.empty() && bool(checkSignature(heard.message, signer));
}

}  // namespace tests
