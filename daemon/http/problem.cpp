#include "daemon/http/problem.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "daemon/reasons.h"

namespace kmsd::http {
namespace {

struct Title {
  int status;
  std::string_view text;
};

constexpr std::array kTitles = {
    Title{400, "Bad Request"},
    Title{401, "Unauthorized"},
    Title{403, "Forbidden"},
    Title{404, "Not Found"},
    Title{405, "Method Not Allowed"},
    Title{409, "Conflict"},
    Title{411, "Length Required"},
    Title{413, "Content Too Large"},
    Title{415, "Unsupported Media Type"},
    Title{431, "Request Header Fields Too Large"},
    Title{500, "Internal Server Error"},
    Title{501, "Not Implemented"},
    Title{503, "Service Unavailable"},
    Title{504, "Gateway Timeout"},
    Title{505, "HTTP Version Not Supported"},
};

constexpr std::string_view kRetryAfter = "5";  // seconds

}  // namespace

std::string_view statusTitle(int status) noexcept {
  const auto at = std::find_if(kTitles.begin(), kTitles.end(),
                               [&](const Title& title) { return title.status == status; });
  return at != kTitles.end() ? at->text : "Error";
}

Response problem(int status, std::string_view code, std::string_view detail) {
  const boost::json::object document{{"type", "about:blank"},
                                     {"title", statusTitle(status)},
                                     {"status", status},
                                     {"code", code},
                                     {"detail", detail}};
  Response response;
  response.status = status;
  response.contentType = "application/problem+json";
  try {
    response.body = base::secretText(boost::json::serialize(document));
  } catch (const std::bad_alloc&) {
    // No more memory can be locked: the status has to do.
  }
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (status == 503) response.headers.emplace_back("Retry-After", kRetryAfter);
  return response;
}

Response problem(const base::Error& error) {
  Response response = problem(httpOf(error), nameOf(error), error.what);
  if (error.reason == base::Reason::DatabaseCorrupt) response.damage = error.what;
  return response;
}

}  // namespace kmsd::http
