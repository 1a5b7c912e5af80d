#include <algorithm>
#include <boost/json.hpp>

#include "daemon/http/bulk_requests.h"
#include "daemon/http/handlers.h"
#include "daemon/metrics.h"
#include "daemon/pki_services.h"
#include "daemon/reasons.h"
#include "hal/base/rfc3339.h"

namespace kmsd::http {
namespace {

namespace json = boost::json;

// An answer is written straight into locked memory, item by item: a document of some hundred items would take
// ten times as much of it. With a request of 64 KiB at most, each name in it answered twice, it stays below
// SecretPool::kLargest.
class ItemsWriter {
 public:
  ItemsWriter() { text_.reserve(std::size_t{64} * 1024); }

  void raw(std::string_view text) { text_.insert(text_.end(), text.begin(), text.end()); }
  // Opens, continues and ends an object of the list.
  void begin() {
    raw(first_ ? "{" : ",{");
    first_ = false;
    firstMember_ = true;
  }
  void member(std::string_view name, std::string_view value) { this->value(name, json::serialize(value)); }
  // `secret` consists of characters that JSON takes as they are.
  void secretMember(std::string_view name, const base::SecretText& secret) {
    value(name, "\"");
    raw(base::view(secret));
    raw("\"");
  }
  void value(std::string_view name, std::string_view json) {
    raw(firstMember_ ? "\"" : ",\"");
    firstMember_ = false;
    raw(name);
    raw("\":");
    raw(json);
  }
  void error(const base::Error& error) {
    member("code", nameOf(error));
    member("detail", error.what);
  }
  void end() { raw("}"); }
  base::SecretText take() { return std::move(text_); }

 private:
  base::SecretText text_;
  bool first_ = true;
  bool firstMember_ = true;
};

base::SecretText bulkIssuedJson(const kms::BulkIssueRequest& request,
                                const kms::Outcomes<kms::IssuedToken>& outcomes) {
  ItemsWriter out;
  json::array scopes;
  for (const std::string& scope : request.scopes) scopes.emplace_back(scope);
  out.raw("{\"kind\":\"" + std::string(kms::tokenKindName(request.kind)) +
          "\",\"scopes\":" + json::serialize(scopes) + ",\"ca_sha256\":null,\"items\":[");
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& outcome = outcomes[i];
    out.begin();
    out.member("user", request.users[i]);
    if (outcome) {
      out.secretMember("token", outcome->token);
      out.member("accessor", outcome->accessor);
      out.member("issued_at", base::formatTime(outcome->issuedAt));
      out.member("expires_at", base::formatTime(outcome->expiresAt));
    } else {
      out.error(outcome.error());
    }
    out.end();
  }
  out.raw("]}");
  return out.take();
}

// `accessors`: what was asked for; empty where it was a text.
base::SecretText bulkRevokedJson(const std::vector<std::string>& accessors,
                                 const kms::Outcomes<kms::TokenView>& outcomes) {
  ItemsWriter out;
  out.raw("{\"items\":[");
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto& outcome = outcomes[i];
    out.begin();
    const std::string& accessor = outcome ? outcome->accessor : accessors[i];
    if (!accessor.empty()) out.member("accessor", accessor);
    if (outcome) {
      out.member("user", outcome->user);
      out.value("revoked", "true");
    } else {
      out.error(outcome.error());
    }
    out.end();
  }
  out.raw("]}");
  return out.take();
}

// `write(out, value)`: what became of a user for whom it went well.
template <class T, class Write>
base::SecretText usersJson(const std::vector<std::string>& users, const kms::Outcomes<T>& outcomes,
                           Write write) {
  ItemsWriter out;
  out.raw("{\"items\":[");
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    out.begin();
    out.member("user", users[i]);
    if (outcomes[i]) {
      write(out, outcomes[i]);
    } else {
      out.error(outcomes[i].error());
    }
    out.end();
  }
  out.raw("]}");
  return out.take();
}

base::SecretText bulkUsersRevokedJson(const std::vector<std::string>& users,
                                      const kms::Outcomes<void>& outcomes) {
  return usersJson(users, outcomes, [](ItemsWriter& out, const auto&) { out.value("revoked", "true"); });
}

base::SecretText bulkCertificatesJson(const std::vector<std::string>& users,
                                      const kms::Outcomes<kms::pki::RevokedUser>& outcomes) {
  return usersJson(users, outcomes, [](ItemsWriter& out, const auto& revoked) {
    out.value("certificates", std::to_string(revoked->certificates));
    out.value("tokens", std::to_string(revoked->tokens));
  });
}

Metrics::Kind countedAs(kms::TokenKind kind) {
  if (kind == kms::TokenKind::Access) return Metrics::Kind::Access;
  return kind == kms::TokenKind::Enrol ? Metrics::Kind::Enrol : Metrics::Kind::Recover;
}

template <class T>
std::uint64_t succeeded(const kms::Outcomes<T>& outcomes) {
  return static_cast<std::uint64_t>(
      std::count_if(outcomes.begin(), outcomes.end(), [](const auto& one) { return bool(one); }));
}

}  // namespace

void postTokensBulk(Call& call, const Respond& respond) {
  auto request = parseBulkIssue(base::view(call.request.body));
  if (!request) return respond(problem(request.error()));
  const kms::BulkIssueRequest asked = *request;
  call.api.tokens->issueMany(call.actor, *std::move(request),
                             [metrics = call.api.metrics, respond,
                              asked](const base::Result<kms::Outcomes<kms::IssuedToken>>& done) {
                               if (done && metrics != nullptr)
                                 metrics->tokensIssued(countedAs(asked.kind), succeeded(*done));
                               respondWith(respond, [&] {
                                 return done ? jsonResponse(bulkIssuedJson(asked, *done))
                                             : problem(done.error());
                               });
                             });
}

void postTokensBulkRevoke(Call& call, const Respond& respond) {
  auto request = parseBulkRevocation(base::view(call.request.body));
  if (!request) return respond(problem(request.error()));
  Metrics* metrics = call.api.metrics;
  if (!request->users.empty()) {
    const std::vector<std::string> users = request->users;
    return call.api.tokens->revokeUsers(
        call.actor, std::move(request->users),
        [metrics, respond, users](const base::Result<kms::Outcomes<void>>& done) {
          if (done && metrics != nullptr) metrics->tokensRevoked(succeeded(*done));
          respondWith(respond, [&] {
            return done ? jsonResponse(bulkUsersRevokedJson(users, *done)) : problem(done.error());
          });
        });
  }
  std::vector<std::string> accessors;
  accessors.reserve(request->tokens.size());
  for (const kms::TokenRef& token : request->tokens) accessors.push_back(token.accessor);
  call.api.tokens->revokeMany(
      call.actor, std::move(request->tokens),
      [metrics, respond, accessors](const base::Result<kms::Outcomes<kms::TokenView>>& done) {
        if (done && metrics != nullptr) metrics->tokensRevoked(succeeded(*done));
        respondWith(respond, [&] {
          return done ? jsonResponse(bulkRevokedJson(accessors, *done)) : problem(done.error());
        });
      });
}

void postCertificatesBulkRevoke(Call& call, const Respond& respond) {
  auto request = parseBulkCertificateRevocation(base::view(call.request.body));
  if (!request) return respond(problem(request.error()));
  const std::vector<std::string> users = request->users;
  call.api.pki->certificates().revokeUsers(
      call.actor, std::move(request->users), request->reason,
      [respond, users](const base::Result<kms::Outcomes<kms::pki::RevokedUser>>& done) {
        respondWith(respond, [&] {
          return done ? jsonResponse(bulkCertificatesJson(users, *done)) : problem(done.error());
        });
      });
}

}  // namespace kmsd::http
