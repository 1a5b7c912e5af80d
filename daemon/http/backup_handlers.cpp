#include "daemon/http/background.h"
#include "daemon/http/handlers.h"
#include "daemon/http/requests.h"

namespace kmsd::http {

void postBackup(Call& call, const Respond& respond) {
  if (!call.request.body.empty()) {
    if (auto empty = parseNothing(base::view(call.request.body)); !empty)
      return respond(problem(empty.error()));
  }
  if (!call.api.backup) return respond(problem(404, "not_found", "this server cannot be backed up"));
  const std::atomic<bool>& stop = call.threads.patient.ending();
  const bool taken = call.threads.patient.run([&api = call.api, &stop, respond, by = call.actor.name] {
    respondWith(respond, [&] {
      auto source = api.backup(by, stop);
      if (!source) return problem(source.error());
      Response response;
      response.contentType = "application/octet-stream";
      response.source = *std::move(source);
      return response;
    });
  });
  if (!taken)
    respond(problem(503, "unavailable", "too many wait for a long task, or the server stops; try again"));
}

}  // namespace kmsd::http
