#include "kms/pki/ocsp_responder.h"

#include <algorithm>

namespace kms::pki {
namespace {

std::string nameOf(const Serial& serial) { return std::string(base::asText(serial)); }

// Which of its answers are the same each time.
bool keepable(const OcspQuery& query) {
  return query.nonce.empty() && query.questions.size() == 1 && query.questions.front().serial;
}

OcspRefusal refusalOf(const base::Error& error) {
  if (error.code == base::Code::NotFound) return OcspRefusal::Unauthorized;
  return error.code == base::Code::Unavailable ? OcspRefusal::TryLater : OcspRefusal::Internal;
}

}  // namespace

base::Bytes OcspResponder::answer(base::BytesView request) {
  const auto query = parseOcspQuery(request);
  if (!query) return refuse(OcspRefusal::Malformed);
  if (auto before = kept(*query)) return *std::move(before);
  auto answer = made(*query);
  if (answer) return *std::move(answer);
  if (answer.error().reason == base::Reason::Sealed)
    if (auto given = stock_.answer(*query)) {
      counts_.answers.add(given->state);
      return std::move(given->answer);
    }
  return refuse(refusalOf(answer.error()));
}

base::Bytes OcspResponder::refuse(OcspRefusal why) {
  counts_.refusals.add(why);
  return ocspRefusal(why);
}

// The authority that the first question is about answers all; what is not about it, it does not know.
base::Result<base::Bytes> OcspResponder::made(const OcspQuery& query) {
  std::uint64_t asOf = 0;
  {
    const std::lock_guard lock(mutex_);
    asOf = changes_;
  }
  if (auto current = authority_.current(); !current) return std::move(current).error();
  for (const std::int64_t number : authority_.numbers()) {
    auto signers = authority_.number(number);
    if (!signers) return std::move(signers).error();
    const Issuer& issuer = (*signers)->authority;
    if (!isAbout(query.questions.front(), issuer.certificate, issuer.key.publicKey())) continue;
    if (clock_.now() >= issuer.certificate.notAfter) break;  // nothing that it has signed is valid any more
    std::vector<OcspAnswer> answers;
    for (const OcspQuestion& question : query.questions) {
      auto state = stateOf(question, **signers);
      if (!state) return std::move(state).error();
      answers.push_back(*state);
    }
    const CrlTimes times{clock_.now(), clock_.now() + life_};
    auto answer = signOcspResponse((*signers)->ocsp, query, answers, times);
    const OcspState state = answers.front().state;
    if (answer) counts_.answers.add(state);
    if (answer && state != OcspState::Unknown) keep(query, *answer, state, times.nextUpdate, asOf);
    return answer;
  }
  return base::Error{base::Code::NotFound, "the request is about another authority's certificates"};
}

base::Result<OcspAnswer> OcspResponder::stateOf(const OcspQuestion& question, const Signers& signers) {
  const Issuer& issuer = signers.authority;
  if (!question.serial || !isAbout(question, issuer.certificate, issuer.key.publicKey())) return OcspAnswer{};
  const auto view = certificates_.status(*question.serial);
  if (!view && view.error().code == base::Code::NotFound) return OcspAnswer{};
  if (!view) return view.error();
  if (view->authority != signers.number) return OcspAnswer{};
  if (view->state == CertificateState::Active || view->state == CertificateState::Unconfirmed)
    return OcspAnswer{OcspState::Good, {}, RevocationReason::Unspecified};
  return OcspAnswer{OcspState::Revoked, view->revokedAt,
                    view->reason.value_or(RevocationReason::Unspecified)};
}

std::optional<base::Bytes> OcspResponder::kept(const OcspQuery& query) {
  if (!keepable(query)) return std::nullopt;
  const OcspQuestion& question = query.questions.front();
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(nameOf(*question.serial));
  if (found == kept_.end()) return std::nullopt;
  const auto now = clock_.now();
  for (const Kept& one : found->second)
    // Given for half its life, so that whoever gets it last still has some.
    if (one.certId == question.certId && now < one.until - life_ / 2) {
      counts_.answers.add(one.state);
      return one.answer;
    }
  return std::nullopt;
}

void OcspResponder::keep(const OcspQuery& query, const base::Bytes& answer, OcspState state, base::Time until,
                         std::uint64_t asOf) {
  if (!keepable(query)) return;
  const OcspQuestion& question = query.questions.front();
  decltype(kept_) old;  // freeing so many takes longer than anybody should wait for the lock
  const std::lock_guard lock(mutex_);
  if (changes_ != asOf) return;  // it may tell what no longer is
  if (size_ >= kMostKept) {
    old.swap(kept_);
    size_ = 0;
  }
  auto& same = kept_[nameOf(*question.serial)];
  size_ -= std::erase_if(same, [&](const Kept& one) { return one.certId == question.certId; });
  same.push_back({question.certId, answer, state, until});
  ++size_;
}

void OcspResponder::changed(const Serial& serial) noexcept try {
  const std::lock_guard lock(mutex_);
  ++changes_;
  const auto found = kept_.find(nameOf(serial));
  if (found == kept_.end()) return;
  size_ -= found->second.size();
  kept_.erase(found);
} catch (const std::bad_alloc&) {
  const std::lock_guard lock(mutex_);
  kept_.clear();
  size_ = 0;
}

}  // namespace kms::pki
