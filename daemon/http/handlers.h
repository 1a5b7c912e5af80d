// The handlers behind the table of routes: NOUN_handlers.cpp. By the time one runs, the caller has the
// route's role and, unless the route is served while sealed, the services are there.
#pragma once

#include <new>

#include "daemon/http/problem.h"
#include "daemon/http/routes.h"

namespace kmsd::http {

void getStatus(Call& call, const Respond& respond);
void getHealth(Call& call, const Respond& respond);
void getMedia(Call& call, const Respond& respond);
void postSeal(Call& call, const Respond& respond);
void postUnseal(Call& call, const Respond& respond);
void getMetrics(Call& call, const Respond& respond);

void postAuditVerify(Call& call, const Respond& respond);
void postBackup(Call& call, const Respond& respond);

void postUser(Call& call, const Respond& respond);
void getUsers(Call& call, const Respond& respond);
void getUser(Call& call, const Respond& respond);
void patchUser(Call& call, const Respond& respond);
void postUserExport(Call& call, const Respond& respond);
void postUserExportConfirm(Call& call, const Respond& respond);
void postUserImport(Call& call, const Respond& respond);
void postUserImportCertificate(Call& call, const Respond& respond);

void postToken(Call& call, const Respond& respond);
void getTokens(Call& call, const Respond& respond);
void verifyToken(Call& call, const Respond& respond);
void renewToken(Call& call, const Respond& respond);
void revokeToken(Call& call, const Respond& respond);
void postTokensBulk(Call& call, const Respond& respond);
void postTokensBulkRevoke(Call& call, const Respond& respond);

void getApprovals(Call& call, const Respond& respond);
void getApproval(Call& call, const Respond& respond);
void approveApproval(Call& call, const Respond& respond);
void cancelApproval(Call& call, const Respond& respond);

void postIntrospect(Call& call, const Respond& respond);
void postOauthRevoke(Call& call, const Respond& respond);

void postEnrol(Call& call, const Respond& respond);
void postEnrolConfirm(Call& call, const Respond& respond);
void postCertificate(Call& call, const Respond& respond);
void getCertificates(Call& call, const Respond& respond);
void getCertificate(Call& call, const Respond& respond);
void revokeCertificate(Call& call, const Respond& respond);
void postCertificatesBulkRevoke(Call& call, const Respond& respond);
void renewCertificate(Call& call, const Respond& respond);
void postEncryption(Call& call, const Respond& respond);
void postRecovery(Call& call, const Respond& respond);
void postAuthority(Call& call, const Respond& respond);
void getAuthority(Call& call, const Respond& respond);
void postAuthorityRequest(Call& call, const Respond& respond);
void getAuthorityRequest(Call& call, const Respond& respond);
void postAuthorityChain(Call& call, const Respond& respond);
void postRollover(Call& call, const Respond& respond);

void getCaCertificate(Call& call, const Respond& respond);
void getCaPem(Call& call, const Respond& respond);
void getCrl(Call& call, const Respond& respond);
void getCrlPem(Call& call, const Respond& respond);
void getDeltaCrl(Call& call, const Respond& respond);
void getNumberedCa(Call& call, const Respond& respond);
void getNewWithOld(Call& call, const Respond& respond);
void getOldWithNew(Call& call, const Respond& respond);
void getNumberedCrl(Call& call, const Respond& respond);
void getNumberedDeltaCrl(Call& call, const Respond& respond);
void getOcsp(Call& call, const Respond& respond);
void postOcsp(Call& call, const Respond& respond);
void postCmp(Call& call, const Respond& respond);

void getEstCaCerts(Call& call, const Respond& respond);
void getEstCsrAttributes(Call& call, const Respond& respond);
void postEstEnrol(Call& call, const Respond& respond);
void postEstReenrol(Call& call, const Respond& respond);
void postEstServerKeygen(Call& call, const Respond& respond);

// What the handlers share.
inline Response jsonResponse(base::SecretText body, int status = 200) {
  Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

// Answers with what `make` gives. For answers that are made on a thread that must see no exception: the
// store's writer, the background thread.
template <class Make>
void respondWith(const Respond& respond, Make make) noexcept {
  try {
    respond(make());
  } catch (const std::bad_alloc&) {
    respond(problem(503, "unavailable", "no more memory can be locked now; try again"));
  } catch (const std::exception&) {
    respond(problem(500, "internal", "the request failed"));
  }
}

// "limit" (1..1000, 0 where absent) and "after" of a list request. Errors: Invalid; Invalid / UnknownField
// where the query has a name that is not in `known`.
struct PageQuery {
  std::string after;
  std::size_t limit = 0;
  std::string user;
};
base::Result<PageQuery> pageQuery(const Request& request, std::span<const std::string_view> known);

// A list whose text is too large for one block of locked memory is asked for again with half the limit: the
// rest comes with `next`.
template <class List, class Write>
Response listResponse(std::size_t limit, List list, Write write) {
  for (;;) {
    auto page = list(limit);
    if (!page) return problem(page.error());
    try {
      return jsonResponse(write(*page));
    } catch (const std::bad_alloc&) {
      if (page->items.size() < 2) throw;
      limit = page->items.size() / 2;
    }
  }
}

// The actor is this user, or may see every user.
bool mayLookAt(Call& call, const std::string& user);

}  // namespace kmsd::http
