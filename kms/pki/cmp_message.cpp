#include "kms/pki/cmp_message.h"

#include <ctime>

#include "kms/pki/certificate.h"
#include "kms/pki/cmp_oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kFieldMost = 512;  // bytes of a name, a nonce or an identifier in a header

base::Error malformed() { return {base::Code::Invalid, "this is no CMP message (PKIMessage, RFC 4210)"}; }

// A field [number] EXPLICIT OCTET STRING; empty where it is not there.
base::BytesView octets(DerReader& header, unsigned number) {
  if (!header.next(contextTag(number))) return {};
  DerReader field = header.enter(contextTag(number));
  const auto value = field.value(kOctetString);
  if (!field.done() || value.size() > kFieldMost) header.fail();
  return value;
}

void skip(DerReader& header, unsigned number) {
  if (header.next(contextTag(number))) header.any();
}

// Clients write it to the second or finer; what cannot be read counts as not there.
std::optional<base::Time> messageTime(DerReader& header) {
  if (!header.next(contextTag(0))) return {};
  DerReader field = header.enter(contextTag(0));
  const auto whole = field.element(kGeneralizedTime);
  if (!field.done()) header.fail();
  DerReader inside(whole);
  const auto time = inside.time();
  return inside.done() ? std::optional(time) : std::nullopt;
}

// generalInfo := SEQUENCE OF SEQUENCE { OID, value OPTIONAL }
bool asksImplicitConfirm(DerReader& header) {
  if (!header.next(contextTag(8))) return false;
  DerReader field = header.enter(contextTag(8));
  DerReader list = field.enter(kSequence);
  bool asks = false;
  while (list.more()) {
    DerReader info = list.enter(kSequence);
    asks = base::asText(info.value(kOid)) == oid::kImplicitConfirm || asks;
    if (info.more()) info.any();
    if (!info.done()) list.fail();
  }
  if (!list.ok() || !field.done()) header.fail();
  return asks;
}

bool readHeader(CmpMessage& message) {
  DerReader outer(message.header);
  DerReader in = outer.enter(kSequence);
  message.version = in.small();
  message.sender = in.any();
  in.any();  // recipient: us
  message.time = messageTime(in);
  if (in.next(contextTag(1))) {
    DerReader field = in.enter(contextTag(1));
    message.algorithm = field.element(kSequence);
    if (!field.done()) in.fail();
  }
  message.senderKid = octets(in, 2);
  octets(in, 3);  // recipKID
  message.transaction = octets(in, 4);
  message.senderNonce = octets(in, 5);
  message.recipNonce = octets(in, 6);
  skip(in, 7);  // freeText
  message.implicitConfirm = asksImplicitConfirm(in);
  return in.done() && outer.done() && message.sender.size() <= 8 * kFieldMost;
}

// In CMP all times are GeneralizedTime.
void writeTime(Der& der, base::Time at) {
  const std::time_t seconds = at.time_since_epoch().count();
  std::tm parts{};
  char text[sizeof "YYYYMMDDHHMMSSZ"] = {};
  if (::gmtime_r(&seconds, &parts) != nullptr) std::strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts);
  der.nest(contextTag(0), [&] { der.element(kGeneralizedTime, std::string_view(text)); });
}

void writeOctets(Der& der, unsigned number, base::BytesView value) {
  if (value.empty()) return;
  der.nest(contextTag(number), [&] { der.element(kOctetString, value); });
}

}  // namespace

base::Result<CmpMessage> parseCmpMessage(base::BytesView der) {
  if (der.size() > kMostDer) return malformed();
  CmpMessage message;
  DerReader outer(der);
  DerReader in = outer.enter(kSequence);
  message.header = in.element(kSequence);
  const std::uint8_t tag = in.peek();
  message.body = in.any();
  if (!in.ok() || tag < contextTag(0) || tag > contextTag(30)) return malformed();
  message.type = static_cast<CmpBody>(tag - contextTag(0));
  message.content = DerReader(message.body).value(tag);
  if (in.next(contextTag(0))) {
    DerReader field = in.enter(contextTag(0));
    message.protection = field.bits();
    if (!field.done()) return malformed();
  }
  if (in.next(contextTag(1))) {
    DerReader field = in.enter(contextTag(1));
    DerReader list = field.enter(kSequence);
    while (list.more() && message.extraCerts.size() < kMostExtraCerts)
      message.extraCerts.push_back(list.any());
    if (!list.done() || !field.done()) return malformed();
  }
  if (!in.done() || !outer.done() || !readHeader(message)) return malformed();
  return message;
}

base::Bytes cmpProtectedPart(base::BytesView header, base::BytesView body) {
  Der der;
  der.sequence([&] {
    der.raw(header);
    der.raw(body);
  });
  return std::move(der).take();
}

base::Bytes writeCmpHeader(const CmpAnswerHeader& header) {
  Der der;
  der.sequence([&] {
    der.small(header.version);
    der.nest(contextTag(4), [&] { der.raw(header.sender); });
    der.raw(header.recipient);
    writeTime(der, header.time);
    der.nest(contextTag(1), [&] { der.raw(header.algorithm); });
    writeOctets(der, 2, header.senderKid);
    writeOctets(der, 4, header.transaction);
    writeOctets(der, 5, header.senderNonce);
    writeOctets(der, 6, header.recipNonce);
    if (!header.implicitConfirm) return;
    der.nest(contextTag(8), [&] {
      der.sequence([&] {
        der.sequence([&] {
          der.oid(oid::kImplicitConfirm);
          der.null();
        });
      });
    });
  });
  return std::move(der).take();
}

base::Bytes writeCmpMessage(base::BytesView header, base::BytesView body, base::BytesView protection,
                            const std::vector<base::BytesView>& extraCerts) {
  Der der;
  der.sequence([&] {
    der.raw(header);
    der.raw(body);
    der.nest(contextTag(0), [&] { der.bits(protection); });
    if (extraCerts.empty()) return;
    der.nest(contextTag(1), [&] {
      der.sequence([&] {
        for (const auto certificate : extraCerts) der.raw(certificate);
      });
    });
  });
  return std::move(der).take();
}

}  // namespace kms::pki
