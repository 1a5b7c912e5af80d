#include "tests/integration/durability/http_desk.h"

namespace tests {

namespace json = boost::json;
using base::Result;

namespace {

constexpr std::chrono::seconds kPatience{30};

json::object tokenBody(const std::string& token) { return {{"token", token}}; }

}  // namespace

std::string Answer::text(const char* name) const {
  const auto* member = body.if_contains(name);
  return member != nullptr && member->is_string() ? std::string(member->as_string()) : std::string();
}

HttpDesk::HttpDesk(const std::filesystem::path& socket)
    : connect_([socket] { return kmsd::http::Client::connectUnix(socket, base::Deadline::in(kPatience)); }) {}

HttpDesk::HttpDesk(std::uint16_t port, const std::filesystem::path& authority, std::string bearer)
    : connect_([port, authority] {
        return kmsd::http::Client::connectTls("127.0.0.1", port, {authority, {}, {}},
                                              base::Deadline::in(kPatience));
      }),
      bearer_(std::move(bearer)) {}

HttpDesk::HttpDesk(std::uint16_t port, kmsd::http::TlsTrust trust)
    : connect_([port, trust = std::move(trust)] {
        return kmsd::http::Client::connectTls("127.0.0.1", port, trust, base::Deadline::in(kPatience));
      }) {}

Result<kmsd::http::Response> HttpDesk::send(kmsd::http::Request request) {
  if (!client_) {
    auto connected = connect_();
    if (!connected) return std::move(connected).error();
    client_ = *std::move(connected);
  }
  if (!bearer_.empty()) request.authorization = base::secretText("Bearer " + bearer_);
  auto response = client_->call(request, base::Deadline::in(kPatience));
  if (!response) client_.reset();
  return response;
}

Result<std::string> HttpDesk::fetch(const std::string& method, const std::string& path,
                                    const std::string& contentType, base::BytesView body) {
  kmsd::http::Request request;
  request.method = method;
  request.path = path;
  request.contentType = contentType;
  request.body = base::secretText(base::asText(body));
  auto response = send(std::move(request));
  if (!response) return std::move(response).error();
  if (response->status != 200)
    return base::Error{base::Code::NotFound,
                       method + " " + path + " answered " + std::to_string(response->status)};
  return std::string(bodyOf(*response));
}

Result<Answer> HttpDesk::call(const std::string& method, const std::string& path, const json::object& body,
                              const std::map<std::string, std::string>& query) {
  kmsd::http::Request request;
  request.method = method;
  request.path = path;
  request.query = query;
  if (!body.empty()) {
    request.contentType = "application/json";
    request.body = base::secretText(json::serialize(body));
  }
  auto response = send(std::move(request));
  if (!response) return std::move(response).error();
  Answer answer;
  answer.status = response->status;
  boost::system::error_code wrong;
  const auto document = json::parse(base::view(response->body), wrong);
  if (!wrong && document.is_object()) answer.body = document.as_object();
  return answer;
}

Result<json::object> HttpDesk::ask(const std::string& method, const std::string& path,
                                   const json::object& body, int expected) {
  auto answer = call(method, path, body);
  if (!answer) return std::move(answer).error();
  if (answer->status == expected) return std::move(answer->body);
  const auto code = answer->status == 404 ? base::Code::NotFound : base::Code::Internal;
  return base::Error{code, method + " " + path + " answered " + std::to_string(answer->status) + ": " +
                               answer->text("detail")};
}

Result<void> HttpDesk::addUser(const std::string& name) {
  auto user = ask("POST", "/v1/users", {{"name", name}}, 201);
  if (!user) return std::move(user).error();
  return {};
}

Result<bool> HttpDesk::hasUser(const std::string& name) {
  auto user = ask("GET", "/v1/users/" + name, {});
  if (!user && user.error().code != base::Code::NotFound) return std::move(user).error();
  return bool(user);
}

Result<Desk::Token> HttpDesk::issue(const std::string& user) {
  auto token = ask("POST", "/v1/tokens", {{"user", user}}, 201);
  if (!token) return std::move(token).error();
  const Answer answer{201, *std::move(token)};
  return Token{answer.text("token"), answer.text("accessor"), answer.text("expires_at")};
}

Result<std::string> HttpDesk::renew(const std::string& token) {
  auto view = ask("POST", "/v1/tokens/renew", tokenBody(token));
  if (!view) return std::move(view).error();
  return Answer{200, *std::move(view)}.text("expires_at");
}

Result<void> HttpDesk::revoke(const std::string& token) {
  auto view = ask("POST", "/v1/tokens/revoke", tokenBody(token));
  if (!view) return std::move(view).error();
  return {};
}

Result<void> HttpDesk::revokeUser(const std::string& user) {
  auto done = ask("POST", "/v1/tokens/revoke", {{"user", user}});
  if (!done) return std::move(done).error();
  return {};
}

Result<Desk::Seen> HttpDesk::verify(const std::string& token) {
  auto view = ask("POST", "/v1/tokens/verify", tokenBody(token));
  if (!view) return std::move(view).error();
  const auto* active = view->if_contains("active");
  if (active == nullptr || !active->is_bool())
    return base::Error{base::Code::Internal, "verify does not say whether the token is active"};
  return Seen{active->as_bool(), Answer{200, *view}.text("expires_at")};
}

}  // namespace tests
