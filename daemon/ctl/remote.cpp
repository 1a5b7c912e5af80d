#include "daemon/ctl/remote.h"

#include "daemon/ctl/output.h"
#include "daemon/host_port.h"
#include "hal/base/file.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kHttps = "https://";
constexpr std::size_t kTokenFileMost = 4096;  // bytes

base::Result<std::unique_ptr<http::Client>> connect(const Parsed& parsed, base::Deadline by) {
  const auto server = parseServer(parsed.text("server"));
  if (!server) return server.error();
  if (parsed.has("certificate") != parsed.has("key"))
    return Error{Code::Invalid,
                 "--certificate and --key go together: the client's certificate and its private key"};
  if (!server->path.empty()) {
    for (const std::string_view name : {"ca", "certificate"})
      if (parsed.has(name))
        return Error{Code::Invalid, "--" + std::string(name) +
                                        " is for --server https://HOST:PORT; over a Unix "
                                        "socket the kernel tells who is who"};
    return http::Client::connectUnix(server->path, by);
  }
  return http::Client::connectTls(server->host, server->port,
                                  {parsed.text("ca"), parsed.text("certificate"), parsed.text("key")}, by);
}

}  // namespace

base::Result<ServerAddress> parseServer(std::string_view server) {
  if (server.starts_with(kUnix) && server.size() > kUnix.size())
    return ServerAddress{std::string(server.substr(kUnix.size())), {}, 0};
  if (server.starts_with(kHttps)) {
    const auto at = parseHostPort(server.substr(kHttps.size()));
    if (at && at->port != 0) return ServerAddress{{}, at->host, at->port};
  }
  const bool clear = server.starts_with("http://");
  return Error{Code::Invalid, "--server takes unix:PATH or https://HOST:PORT, not '" + std::string(server) +
                                  "'" + (clear ? "; a token is never sent in clear" : "")};
}

base::Result<Remote> Remote::openAnonymous(const Parsed& parsed) {
  Remote remote;
  const auto timeout = parseSpan(parsed.text("timeout"));
  if (!timeout) return timeout.error();
  remote.timeout_ = *timeout;
  auto client = connect(parsed, base::Deadline::in(remote.timeout_));
  if (!client) return std::move(client).error();
  remote.client_ = *std::move(client);
  return remote;
}

base::Result<Remote> Remote::open(const Parsed& parsed) {
  base::SecretText authorization;
  if (parsed.has("token-file")) {
    const auto token = base::readSecretFile(parsed.text("token-file"), kTokenFileMost);
    if (!token) return token.error();
    authorization = base::secretText("Bearer ");
    const std::string_view text = token->text();
    if (text.empty())
      return Error{Code::Invalid, "--token-file " + parsed.text("token-file") + ": there is no token in it"};
    authorization.insert(authorization.end(), text.begin(), text.end());
  }
  auto remote = openAnonymous(parsed);
  if (remote) remote->authorization_ = std::move(authorization);
  return remote;
}

base::Result<Answer> Remote::call(std::string_view method, std::string path, const Body* body, Query query) {
  http::Request request;
  request.method = method;
  request.path = std::move(path);
  request.query = std::move(query);
  request.authorization = authorization_;
  if (body != nullptr) {
    request.contentType = "application/json";
    request.body = body->json();
  }
  auto response = client_->call(request, base::Deadline::in(timeout_));
  if (!response) return std::move(response).error();
  auto document = Document::parse(base::view(response->body));
  if (!document) return std::move(document).error();
  return Answer{response->status, *std::move(document)};
}

Exit Remote::each(const Parsed& parsed, const std::string& path, Query query,
                  const std::function<void(const Document&)>& seen) {
  for (;;) {
    const auto answer = call("GET", path, nullptr, query);
    if (!answer) return fail(answer.error());
    if (!answer->good()) return refused(parsed, *answer);
    for (const Document& item : answer->document.items()) seen(item);
    const std::string next = answer->document.text("next");
    if (next.empty()) return Exit::Yes;
    if (next == query["after"]) return fail(Exit::Failed, "the server repeats a page of its list");
    query["after"] = next;
  }
}

Exit refused(const Answer& answer) {
  const std::string code = answer.code();
  const std::string detail = answer.document.text("detail");
  if (code.empty())
    return fail(Exit::Failed, "the server answered with status " + std::to_string(answer.status));
  return fail(exitOfName(code), detail.empty() ? code : detail);
}

Exit refused(const Parsed& parsed, const Answer& answer) {
  const Exit exit = refused(answer);
  if (!parsed.has("json")) return exit;
  const Exit printed = printSecretLine(answer.document.json());
  return printed == Exit::Yes ? exit : printed;
}

Exit callThen(const Parsed& parsed, std::string_view method, std::string path, const Body* body,
              const std::function<Exit(const Answer&)>& then) {
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  const auto answer = remote->call(method, std::move(path), body);
  if (!answer) return fail(answer.error());
  return answer->good() ? then(*answer) : refused(parsed, *answer);
}

}  // namespace kmsd::ctl
