#include "daemon/http/background.h"
#include "daemon/http/handlers.h"
#include "daemon/http/requests.h"

namespace kmsd::http {

void postAuditVerify(Call& call, const Respond& respond) {
  bool rows = false;
  if (!call.request.body.empty()) {
    auto parsed = parseAuditVerify(base::view(call.request.body));
    if (!parsed) return respond(problem(parsed.error()));
    rows = *parsed;
  }
  if (!call.api.verifyAudit) {
    return respond(problem(base::Error{base::Code::Unavailable,
                                       "there is no audit log, because the database cannot be used",
                                       base::Reason::DatabaseCorrupt}));
  }
  const std::atomic<bool>& stop = call.threads.patient.ending();
  const bool taken = call.threads.patient.run([&api = call.api, &stop, respond, rows] {
    respondWith(respond, [&] {
      if (stop) return problem(503, "unavailable", "the server is stopping; ask again when it runs");
      auto answer = api.verifyAudit(rows, stop);
      return answer ? jsonResponse(*std::move(answer)) : problem(answer.error());
    });
  });
  if (!taken)
    respond(problem(503, "unavailable", "too many wait for a long check, or the server stops; try again"));
}

}  // namespace kmsd::http
