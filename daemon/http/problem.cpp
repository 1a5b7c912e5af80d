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

Response documentOf(int status, const boost::json::object& document) {
  Response response;
  response.status = status;
  try {
    response.body = base::secretText(boost::json::serialize(document));
  } catch (const std::bad_alloc&) {
    // No more memory can be locked: the status has to do.
  }
  if (status == 503) response.headers.emplace_back("Retry-After", kRetryAfter);
  return response;
}

std::string_view oauthCode(int status) {
  if (status == 400) return "invalid_request";
  if (status == 401) return "invalid_client";
  if (status == 403) return "insufficient_scope";
  return status == 503 ? "temporarily_unavailable" : "server_error";
}

// A description takes printable ASCII without quotation mark and backslash (RFC 6749, section 5.2).
std::string describable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '"' || c == '\\') c = '\'';
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace

std::string_view statusTitle(int status) noexcept {
  const auto at = std::find_if(kTitles.begin(), kTitles.end(),
                               [&](const Title& title) { return title.status == status; });
  return at != kTitles.end() ? at->text : "Error";
}

Response problem(int status, std::string_view code, std::string_view detail) {
  Response response = documentOf(status, {{"type", "about:blank"},
                                          {"title", statusTitle(status)},
                                          {"status", status},
                                          {"code", code},
                                          {"detail", detail}});
  response.contentType = "application/problem+json";
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Response problem(const base::Error& error) {
  Response response = problem(httpOf(error), nameOf(error), error.what);
  if (error.reason == base::Reason::DatabaseCorrupt) response.damage = error.what;
  return response;
}

Response oauthProblem(int status, std::string_view code, std::string_view description) {
  Response response = documentOf(status, {{"error", code}, {"error_description", describable(description)}});
  if (status == 401)
    response.headers.emplace_back("WWW-Authenticate", "Basic realm=\"keydisk\", charset=\"UTF-8\", Bearer");
  return response;
}

Response oauthProblem(const base::Error& error) {
  const int status = httpOf(error);
  Response response = oauthProblem(status, oauthCode(status), error.what);
  if (error.reason == base::Reason::DatabaseCorrupt) response.damage = error.what;
  return response;
}

}  // namespace kmsd::http
