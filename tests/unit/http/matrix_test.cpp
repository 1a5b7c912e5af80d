// Who may do what, where, and when: each route for each caller, over each transport, open and sealed. The
// table is the specification; the test prints it again with what it got.
//
// A 400 stands where the caller gets as far as the body, which says nothing that a route takes, so that
// nothing is done. The paths with a name ask for alice, those with a serial number for her certificate.
#include <iomanip>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

using kmsd::http::Transport;

// Unix: who the kernel says it is. Bearer: over https, a token of anna, an administrator, with no scope of
// ours or with kms:NAME; `alice` is her token with kms:admin. Certificate: over https, by its common name;
// nobody is called ghost. Clear: http, with no token or with an administrator's.
constexpr std::string_view kMatrix = R"(
#                                 | Unix socket                    | Bearer                           | Certificate                    | Clear
#                                 | none user veri issu admi root  | -    user veri issu admi alice   | none alic vera ivan anna ghost | none admin
open   GET   /v1/status           | 200  200  200  200  200  200   | 200  200  200  200  200  200     | 200  200  200  200  200  200   | 403  403
sealed GET   /v1/status           | 200  200  200  200  200  200   | 200  200  200  200  200  200     | 200  200  200  200  200  200   | 403  403
open   GET   /v1/health           | 200  200  200  200  200  200   | 200  200  200  200  200  200     | 200  200  200  200  200  200   | 200  200
sealed GET   /v1/health           | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 503  503
open   GET   /v1/media            | 401  403  403  403  200  200   | 403  403  403  403  200  403     | 401  403  403  403  200  401   | 403  403
sealed GET   /v1/media            | 401  401  401  401  401  200   | 503  503  503  503  503  503     | 401  503  503  503  503  503   | 403  403
open   GET   /metrics             | 401  403  200  200  200  200   | 403  403  200  200  200  403     | 401  403  200  200  200  401   | 403  403
sealed GET   /metrics             | 401  401  401  401  401  200   | 503  503  503  503  503  503     | 401  503  503  503  503  503   | 403  403
open   POST  /v1/seal             | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/seal             | 401  401  401  401  401  400   | 503  503  503  503  503  503     | 401  503  503  503  503  503   | 403  403
open   POST  /v1/unseal           | 401  403  403  403  400  400   | 403  403  403  403  403  403     | 403  403  403  403  403  403   | 403  403
sealed POST  /v1/unseal           | 401  401  401  401  401  400   | 403  403  403  403  403  403     | 403  403  403  403  403  403   | 403  403
open   POST  /v1/audit/verify     | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/audit/verify     | 401  401  401  401  401  400   | 503  503  503  503  503  503     | 401  503  503  503  503  503   | 403  403
open   POST  /v1/backup           | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/backup           | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/users            | 401  403  403  400  400  400   | 403  403  403  400  400  403     | 401  403  403  400  400  401   | 403  403
sealed POST  /v1/users            | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   GET   /v1/users            | 401  403  403  200  200  200   | 403  403  403  200  200  403     | 401  403  403  200  200  401   | 403  403
sealed GET   /v1/users            | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   GET   /v1/users/{name}     | 401  200  403  200  200  200   | 403  403  403  200  200  200     | 401  200  403  200  200  401   | 403  403
sealed GET   /v1/users/{name}     | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   PATCH /v1/users/{name}     | 401  403  403  400  400  400   | 403  403  403  400  400  403     | 401  403  403  400  400  401   | 403  403
sealed PATCH /v1/users/{name}     | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/user-exports | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/user-exports | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/user-exports/confirm | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/user-exports/confirm | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/user-imports | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/user-imports | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/user-imports/certificate | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/user-imports/certificate | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/tokens           | 401  403  403  400  400  400   | 403  403  403  400  400  403     | 401  403  403  400  400  401   | 403  403
sealed POST  /v1/tokens           | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   GET   /v1/tokens           | 401  403  403  200  200  200   | 403  403  403  200  200  403     | 401  403  403  200  200  401   | 403  403
sealed GET   /v1/tokens           | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/tokens/verify    | 401  400  400  400  400  400   | 400  400  400  400  400  400     | 401  400  400  400  400  401   | 403  403
sealed POST  /v1/tokens/verify    | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/tokens/renew     | 401  400  400  400  400  400   | 400  400  400  400  400  400     | 401  400  400  400  400  401   | 403  403
sealed POST  /v1/tokens/renew     | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/tokens/revoke    | 401  400  400  400  400  400   | 400  400  400  400  400  400     | 401  400  400  400  400  401   | 403  403
sealed POST  /v1/tokens/revoke    | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/tokens/bulk      | 401  403  403  400  400  400   | 403  403  403  400  400  403     | 401  403  403  400  400  401   | 403  403
sealed POST  /v1/tokens/bulk      | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/tokens/bulk-revoke | 401  400  400  400  400  400 | 400  400  400  400  400  400     | 401  400  400  400  400  401   | 403  403
sealed POST  /v1/tokens/bulk-revoke | 503  503  503  503  503  503 | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   GET   /v1/approvals | 401  403  403  403  200  200   | 403  403  403  403  200  403     | 401  403  403  403  200  401   | 403  403
sealed GET   /v1/approvals | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   GET   /v1/approvals/{id} | 401  403  403  403  404  404   | 403  403  403  403  404  403     | 401  403  403  403  404  401   | 403  403
sealed GET   /v1/approvals/{id} | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/approvals/{id}/approve | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/approvals/{id}/approve | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/approvals/{id}/cancel | 401  403  403  403  400  400   | 403  403  403  403  400  403     | 401  403  403  403  400  401   | 403  403
sealed POST  /v1/approvals/{id}/cancel | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /oauth2/introspect   | 401  200  200  200  200  200   | 200  200  200  200  200  200     | 401  200  200  200  200  401   | 403  403
sealed POST  /oauth2/introspect   | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /oauth2/revoke       | 401  200  200  200  200  200   | 200  200  200  200  200  200     | 401  200  200  200  200  401   | 403  403
sealed POST  /oauth2/revoke       | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/enrol | 400  400  400  400  400  400 | 400  400  400  400  400  400 | 400  400  400  400  400  400 | 403  403
sealed POST  /v1/enrol | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/enrol/confirm | 400  400  400  400  400  400 | 400  400  400  400  400  400 | 400  400  400  400  400  400 | 403  403
sealed POST  /v1/enrol/confirm | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/certificates | 401  403  403  400  400  400 | 403  403  403  400  400  403 | 401  403  403  400  400  401 | 403  403
sealed POST  /v1/certificates | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   GET   /v1/certificates | 401  200  200  200  200  200 | 200  200  200  200  200  200 | 401  200  200  200  200  401 | 403  403
sealed GET   /v1/certificates | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   GET   /v1/certificates/{serial} | 401  200  403  200  200  200 | 403  403  403  200  200  200 | 401  200  403  200  200  401 | 403  403
sealed GET   /v1/certificates/{serial} | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/certificates/{serial}/revoke | 401  400  400  400  400  400 | 400  400  400  400  400  400 | 401  400  400  400  400  401 | 403  403
sealed POST  /v1/certificates/{serial}/revoke | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/certificates/bulk-revoke | 401  403  403  400  400  400   | 403  403  403  400  400  403     | 401  403  403  400  400  401   | 403  403
sealed POST  /v1/certificates/bulk-revoke | 503  503  503  503  503  503   | 503  503  503  503  503  503     | 503  503  503  503  503  503   | 403  403
open   POST  /v1/certificates/renew | 401  400  400  400  400  400 | 400  400  400  400  400  400 | 401  400  400  400  400  401 | 403  403
sealed POST  /v1/certificates/renew | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/encryption | 401  400  400  400  400  400 | 400  400  400  400  400  400 | 401  400  400  400  400  401 | 403  403
sealed POST  /v1/encryption | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/encryption/recover | 401  400  400  400  400  400 | 400  400  400  400  400  400 | 401  400  400  400  400  401 | 403  403
sealed POST  /v1/encryption/recover | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/ca | 401  403  403  403  400  400 | 403  403  403  403  400  403 | 401  403  403  403  400  401 | 403  403
sealed POST  /v1/ca | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   GET   /v1/ca | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed GET   /v1/ca | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   POST  /v1/ca/request | 401  403  403  403  400  400 | 403  403  403  403  400  403 | 401  403  403  403  400  401 | 403  403
sealed POST  /v1/ca/request | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   GET   /v1/ca/request | 401  403  403  403  404  404 | 403  403  403  403  404  403 | 401  403  403  403  404  401 | 403  403
sealed GET   /v1/ca/request | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/ca/install | 401  403  403  403  400  400 | 403  403  403  403  400  403 | 401  403  403  403  400  401 | 403  403
sealed POST  /v1/ca/install | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /v1/ca/rollover | 401  403  403  403  400  400 | 403  403  403  403  400  403 | 401  403  403  403  400  401 | 403  403
sealed POST  /v1/ca/rollover | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   GET   /ca.crt | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed GET   /ca.crt | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   GET   /ca.pem | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed GET   /ca.pem | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   GET   /crl.der | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed GET   /crl.der | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   GET   /crl.pem | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed GET   /crl.pem | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   GET   /delta-crl.der | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404
sealed GET   /delta-crl.der | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404
open   GET   /ca/{number}.crt | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed GET   /ca/{number}.crt | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   GET   /ca/{number}/new-with-old.crt | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404
sealed GET   /ca/{number}/new-with-old.crt | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404
open   GET   /ca/{number}/old-with-new.crt | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404
sealed GET   /ca/{number}/old-with-new.crt | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404
open   GET   /crl/{number}.der | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed GET   /crl/{number}.der | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   GET   /delta-crl/{number}.der | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404
sealed GET   /delta-crl/{number}.der | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404  404  404  404  404 | 404  404
open   GET   /ocsp/{name} | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed GET   /ocsp/{name} | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   POST  /ocsp | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
sealed POST  /ocsp | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 200  200
open   POST  /.well-known/cmp | 400  400  400  400  400  400 | 400  400  400  400  400  400 | 400  400  400  400  400  400 | 400  400
sealed POST  /.well-known/cmp | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503
open   GET   /.well-known/est/cacerts | 403  403  403  403  403  403 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 403  403
sealed GET   /.well-known/est/cacerts | 403  403  403  403  403  403 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 403  403
open   GET   /.well-known/est/csrattrs | 403  403  403  403  403  403 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 403  403
sealed GET   /.well-known/est/csrattrs | 403  403  403  403  403  403 | 200  200  200  200  200  200 | 200  200  200  200  200  200 | 403  403
open   POST  /.well-known/est/simpleenroll | 403  403  403  403  403  403 | 401  401  401  401  401  401 | 401  401  401  401  401  401 | 403  403
sealed POST  /.well-known/est/simpleenroll | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /.well-known/est/simplereenroll | 403  403  403  403  403  403 | 401  401  401  401  401  401 | 401  401  401  401  401  401 | 403  403
sealed POST  /.well-known/est/simplereenroll | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
open   POST  /.well-known/est/serverkeygen | 403  403  403  403  403  403 | 401  401  401  401  401  401 | 401  401  401  401  401  401 | 403  403
sealed POST  /.well-known/est/serverkeygen | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 503  503  503  503  503  503 | 403  403
)";

struct Line {
  bool sealed = false;
  std::string method;
  std::string path;
  std::vector<int> expected;
};

std::vector<Line> matrix() {
  std::vector<Line> lines;
  std::istringstream all{std::string(kMatrix)};
  for (std::string text; std::getline(all, text);) {
    if (text.empty() || text.starts_with('#')) continue;
    std::erase(text, '|');
    std::istringstream words(text);
    Line line;
    std::string state;
    words >> state >> line.method >> line.path;
    line.sealed = state == "sealed";
    for (int status = 0; words >> status;) line.expected.push_back(status);
    lines.push_back(std::move(line));
  }
  return lines;
}

class Matrix : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    const auto token = [this](const std::string& user, const std::string& scope) {
      return "Bearer " + issued(R"({"user":")" + user + R"(","scopes":[)" +
                                (scope.empty() ? "" : "\"" + scope + "\"") + "]}");
    };
    for (const char* scope : {"", "kms:user", "kms:verifier", "kms:issuer", "kms:admin"})
      bearers_.push_back(token("anna", scope));
    bearers_.push_back(token("alice", "kms:admin"));
    makeAuthority();
    serial_ = certificateOf("alice");
  }

  Request request(const Line& line) const {
    std::string path = line.path;
    if (path.ends_with("{name}")) path.replace(path.size() - 6, 6, "alice");
    if (const auto at = path.find("{id}"); at != path.npos) path.replace(at, 4, "0TBX8R014D2G");
    if (const auto at = path.find("{serial}"); at != path.npos) path.replace(at, 8, serial_);
    if (const auto at = path.find("{number}"); at != path.npos) path.replace(at, 8, "1");
    Request request = make(line.method, path, line.method == "GET" ? "" : R"({"no_such_field":1})");
    if (path == "/ocsp") request.contentType = "application/ocsp-request";
    if (path == "/.well-known/cmp") request.contentType = "application/pkixcmp";
    if (!path.starts_with("/oauth2")) return request;
    request.contentType = "application/x-www-form-urlencoded";
    request.body = base::secretText("token=x");
    return request;
  }

  // The callers, in the order of the columns.
  std::vector<Request> callers(const Line& line) const {
    std::vector<Request> all;
    const auto add = [&](Transport transport) -> Request& {
      Request& added = all.emplace_back(request(line));
      added.transport = transport;
      // Who the other end of a socket is counts on Unix sockets only.
      added.peer = kmsd::http::Peer{0, {0}};
      return added;
    };
    for (const uid_t uid : {kStranger, kAlice, kVera, kIvan, kAnna, uid_t{0}})
      add(Transport::Unix).peer = kmsd::http::Peer{uid, {5}};
    for (const std::string& bearer : bearers_) add(Transport::Https).authorization = base::secretText(bearer);
    add(Transport::Https);
    const base::Time later = base::systemClock().now() + std::chrono::hours(1);
    for (const char* name : {"alice", "vera", "ivan", "anna", "ghost"})
      add(Transport::Https).certificate = kmsd::http::ClientCertificate{name, later};
    add(Transport::Http);
    add(Transport::Http).authorization = base::secretText(bearers_[4]);
    return all;
  }

  void check(const Line& line) {
    std::cout << std::left << std::setw(7) << (line.sealed ? "sealed" : "open") << std::setw(6) << line.method
              << std::setw(36) << line.path;
    std::size_t column = 0;
    for (Request& caller : callers(line)) {
      ASSERT_LT(column, line.expected.size()) << line.path;
      const int status = ask(std::move(caller)).status;
      const int expected = line.expected[column];
      std::cout << (column == 6 || column == 12 || column == 18 ? " | " : " ") << status
                << (status == expected ? "" : "!");
      EXPECT_EQ(status, expected) << line.method << " " << line.path << (line.sealed ? ", sealed" : ", open")
                                  << ", column " << column;
      ++column;
    }
    EXPECT_EQ(column, line.expected.size()) << line.path;
    std::cout << "\n";
  }

  std::vector<std::string> bearers_;
  std::string serial_;
};

TEST_F(Matrix, EachRouteAnswersEachCallerAsTheTableSays) {
  const auto lines = matrix();
  std::cout << "columns: Unix socket none user verifier issuer admin root | bearer none user verifier issuer "
               "admin alice | certificate none alice vera ivan anna ghost | clear none admin\n";
  for (const Line& line : lines)
    if (!line.sealed) check(line);
  EXPECT_FALSE(vault->sealed()) << "no request of the table may do anything";
  vault->seal();
  serve();
  for (const Line& line : lines)
    if (line.sealed) check(line);
}

TEST_F(Matrix, NamesEveryRouteOpenAndSealed) {
  std::multiset<std::string> listed;
  for (const Line& line : matrix()) listed.insert(line.method + " " + line.path);
  for (const kmsd::http::Route& route : kmsd::http::routes()) {
    const std::string name = std::string(route.method) + " " + std::string(route.path);
    EXPECT_EQ(listed.count(name), 2U) << "the table needs two lines, open and sealed, for " << name;
    listed.erase(name);
  }
  EXPECT_TRUE(listed.empty()) << "there is no route " << *listed.begin();
}

}  // namespace
}  // namespace tests
