// The request target: path and query. Source: RFC 9112, section 3.2; RFC 3986, section 2.1.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace kmsd::http {

struct Target {
  std::string path;                          // decoded
  std::map<std::string, std::string> query;  // decoded; of a name given twice the first counts
};

// Origin form ("/v1/users?limit=5") or absolute form ("http://host/v1/users"). Nothing for any other form, a
// broken percent escape, one that stands for NUL, a control character or blank as it stands, or what is not
// UTF-8.
std::optional<Target> parseTarget(std::string_view text);

// For use in a path segment or a query value: all but RFC 3986's unreserved characters are escaped.
std::string escapeTarget(std::string_view text);

}  // namespace kmsd::http
