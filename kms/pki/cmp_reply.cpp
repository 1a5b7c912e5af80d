#include "kms/pki/cmp_reply.h"

#include <algorithm>

#include "kms/pki/cmp_oids.h"

namespace kms::pki {
namespace {

constexpr std::size_t kMostQuestions = 32;

template <class Write>
base::Bytes body(CmpBody type, Write write) {
  Der der;
  der.nest(contextTag(static_cast<unsigned>(type)), [&] { write(der); });
  return std::move(der).take();
}

void all(Der& der, const std::vector<base::BytesView>& elements) {
  der.sequence([&] {
    for (const auto element : elements) der.raw(element);
  });
}

template <class Status, class Pair>
base::Bytes certResponse(CmpBody type, base::BytesView id, const std::vector<base::BytesView>& authorities,
                         const Status& status, Pair pair) {
  return body(type, [&](Der& der) {
    der.sequence([&] {
      if (!authorities.empty()) der.nest(contextTag(1), [&] { all(der, authorities); });
      der.sequence([&] {
        der.sequence([&] {
          der.element(kInteger, id);
          writeStatus(der, status);
          pair(der);
        });
      });
    });
  });
}

void writeUpdate(Der& der, base::BytesView given, const CmpInformation& known) {
  if (known.root.empty() || std::ranges::equal(given, known.root)) return;
  for (const RootUpdate& update : known.updates) {
    if (!update.before.empty() && !std::ranges::equal(given, update.before)) continue;
    der.sequence([&] {
      der.raw(update.newWithNew);
      if (update.newWithOld.empty()) return;
      der.nest(contextTag(0), [&] { der.raw(update.newWithOld); });
      der.nest(contextTag(1), [&] { der.raw(update.oldWithNew); });
    });
    return;
  }
}

// The value of one piece of information; nothing where it is not known or not there.
void writeValue(Der& der, std::string_view type, base::BytesView given, const CmpInformation& known) {
  if (type == oid::kCaCerts && !known.chain.empty()) {
    all(der, known.chain);
  } else if (type == oid::kCurrentCrl) {
    der.raw(known.crl());
  } else if (type == oid::kCrlStatusList) {
    if (const base::Bytes crl = known.crl(); !crl.empty()) all(der, {crl});
  } else if (type == oid::kRootCaCert) {
    writeUpdate(der, given, known);
  }
}

// Some questions and their answers have different names (RFC 9480, section 2.14).
std::string_view answerTo(std::string_view type) {
  if (type == oid::kRootCaCert) return oid::kRootCaKeyUpdate;
  return type == oid::kCrlStatusList ? oid::kCrls : type;
}

}  // namespace

base::Bytes certReplyBody(const CertReply& reply) {
  return certResponse(reply.type, reply.id, reply.authorities, reply.status, [&](Der& der) {
    der.sequence([&] { der.nest(contextTag(0), [&] { der.raw(reply.certificate); }); });
  });
}

base::Bytes certRefusalBody(CmpBody type, base::BytesView id, const CmpRefusal& refusal) {
  return certResponse(type, id, {}, refusal, [](Der&) {});
}

base::Bytes revocationBody(const CertId& certificate) {
  return body(CmpBody::Rp, [&](Der& der) {
    der.sequence([&] {
      der.sequence([&] { writeStatus(der, CmpStatus::Accepted); });
      der.nest(contextTag(0), [&] {
        der.sequence([&] {
          der.sequence([&] {
            der.nest(contextTag(4), [&] { der.raw(certificate.issuer); });
            der.element(kInteger, certificate.serial);
          });
        });
      });
    });
  });
}

base::Bytes revocationRefusalBody(const CmpRefusal& refusal) {
  return body(CmpBody::Rp,
              [&](Der& der) { der.sequence([&] { der.sequence([&] { writeStatus(der, refusal); }); }); });
}

base::Bytes confirmBody() {
  return body(CmpBody::PkiConf, [](Der& der) { der.null(); });
}

base::Bytes errorBody(const CmpRefusal& refusal) {
  return body(CmpBody::Error, [&](Der& der) { der.sequence([&] { writeStatus(der, refusal); }); });
}

std::optional<base::Bytes> informationBody(base::BytesView content, const CmpInformation& known,
                                           CmpRefusal& why) {
  DerReader outer(content);
  DerReader list = outer.enter(kSequence);
  bool ok = outer.done();
  Der answers;
  std::vector<std::string_view> asked;
  while (ok && list.more()) {
    DerReader question = list.enter(kSequence);
    const auto type = base::asText(question.value(kOid));
    const auto given = question.more() ? question.any() : base::BytesView{};
    ok = question.done() && asked.size() < kMostQuestions && std::ranges::find(asked, type) == asked.end();
    asked.push_back(type);
    if (!ok) break;
    answers.sequence([&] {
      answers.oid(answerTo(type));
      writeValue(answers, type, given, known);
    });
  }
  if (!ok || !list.done()) {
    why = {CmpFailure::BadDataFormat, "the general message is malformed, or asks for too much"};
    return std::nullopt;
  }
  return body(CmpBody::Genp, [&](Der& der) { der.element(kSequence, answers.view()); });
}

}  // namespace kms::pki
