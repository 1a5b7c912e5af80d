#include "daemon/http/metrics_handler.h"

#include "daemon/http/problem.h"
#include "daemon/metrics.h"

namespace kmsd::http {

Response metricsResponse(const Metrics& metrics) {
  Response response;
  response.contentType = Metrics::kContentType;
  response.body = base::secretText(metrics.text());
  return response;
}

Handler makeMetricsHandler(const Metrics& metrics) {
  return [&metrics](const Request& request, const Respond& respond) {
    if (request.path != "/metrics") return respond(problem(404, "not_found", "only /metrics is served here"));
    if (request.method != "GET" && request.method != "HEAD") {
      Response response = problem(405, "method_not_allowed", "allowed here: GET, HEAD");
      response.headers.emplace_back("Allow", "GET, HEAD");
      return respond(std::move(response));
    }
    respond(metricsResponse(metrics));
  };
}

}  // namespace kmsd::http
