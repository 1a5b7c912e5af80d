#include "tests/integration/durability/rough_client.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/unit/http/wire.h"

namespace tests {

namespace json = boost::json;

void RoughClient::step() {
  switch (random_() % 4) {
    case 0:
      return mistake();
    case 1:
      return noise();
    default:
      return look();
  }
}

// Sealed is an answer at any time but to those who ask for the state.
void RoughClient::expect(const std::string& method, const std::string& path, int status,
                         const json::object& body, const std::map<std::string, std::string>& query) {
  auto answer = desk_.call(method, path, body, query);
  ASSERT_TRUE(answer) << method << " " << path << ": " << answer.error().what;
  if (answer->status == 503 && (answer->text("code") == "sealed" || path == "/v1/health")) return;
  EXPECT_EQ(answer->status, status) << method << " " << path << ": " << json::serialize(answer->body);
}

void RoughClient::look() {
  if (random_() % 8 == 0) {
    desk_.disconnect();
    ++connections_;
  }
  switch (random_() % 7) {
    case 0:
      return expect("GET", "/v1/status", 200);
    case 1:
      return expect("GET", "/v1/health", 200);
    case 2:
      return expect("GET", "/v1/media", 200);
    case 3:
      return expect("GET", "/v1/users", 200, {}, {{"limit", std::to_string(1 + random_() % 200)}});
    case 4:
      return expect("GET", "/v1/tokens", 200, {}, {{"limit", std::to_string(1 + random_() % 200)}});
    case 5:
      return expect("GET", "/v1/tokens", 200, {}, {{"user", "u0-1"}, {"limit", "50"}});
    default: {
      auto answer = desk_.call("GET", "/v1/tokens", {}, {{"limit", "100"}});
      const std::string next = answer ? answer->text("next") : "";
      if (!next.empty()) expect("GET", "/v1/tokens", 200, {}, {{"limit", "100"}, {"after", next}});
    }
  }
}

void RoughClient::mistake() {
  static const std::string kForm = "kms_" + std::string(54, 'A');
  switch (random_() % 8) {
    case 0:
      return expect("POST", "/v1/tokens/verify", 400, {{"token", kForm}});
    case 1:
      return expect("POST", "/v1/tokens/verify", 200, {{"accessor", "KZPGQ28WNTK74ZC2TQ14FX1X0M"}});
    case 2:
      return expect("POST", "/v1/tokens/revoke", 404, {{"accessor", "KZPGQ28WNTK74ZC2TQ14FX1X0M"}});
    case 3:
      return expect("POST", "/v1/tokens", 404, {{"user", "nobody"}});
    case 4:
      return expect("POST", "/v1/tokens", 400, {{"user", "u0-1"}, {"unknown", 1}});
    case 5:
      return expect("POST", "/v1/users", 400, {{"name", ""}});
    case 6:
      return expect("DELETE", "/v1/users", 405);
    default:
      return expect("GET", "/v1/nothing", 404);
  }
}

void RoughClient::noise() {
  static const std::array<std::string, 8> kNoise = {
      "",
      "\x16\x03\x01\x02",
      "GET",
      "GET /v1/status HTTP/1.1\r\nHost: x\r\n",
      "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
      "4\r\n\r\n{{{{",
      "POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
      "GET /" + std::string(40'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"};
  const std::size_t which = random_() % kNoise.size();
  Wire wire(socket_);
  ++connections_;
  ASSERT_TRUE(wire.connected());
  wire.send(kNoise[which]);
  if (which < 4) return;  // it goes without waiting
  const std::string answer = wire.answer();
  EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 501") ||
              answer.find("sealed") != answer.npos)
      << which << ": " << answer;
}

}  // namespace tests
