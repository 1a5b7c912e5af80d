#include "daemon/ctl/remote.h"

#include <unistd.h>

#include "daemon/ctl/output.h"
#include "daemon/host_port.h"
#include "daemon/http/proof.h"
#include "hal/base/file.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kHttps = "https://";
constexpr std::size_t kTokenFileMost = 4096;             // bytes
constexpr std::chrono::milliseconds kPatience{120'000};  // between two pieces of a long answer

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

base::Result<Access> accessOf(const Parsed& parsed) {
  const auto timeout = parseSpan(parsed.text("timeout"));
  if (!timeout) return timeout.error();
  if (parsed.has("certificate") != parsed.has("key"))
    return Error{Code::Invalid,
                 "--certificate and --key go together: the client's certificate and its private key"};
  return Access{
      parsed.text("server"), {parsed.text("ca"), parsed.text("certificate"), parsed.text("key")}, *timeout};
}

base::Result<Remote> Remote::connect(const Access& access) {
  const auto server = parseServer(access.server);
  if (!server) return server.error();
  Remote remote;
  remote.timeout_ = access.timeout;
  const auto by = base::Deadline::in(access.timeout);
  auto client = server->path.empty() ? http::Client::connectTls(server->host, server->port, access.trust, by)
                                     : http::Client::connectUnix(server->path, by);
  if (!client) return std::move(client).error();
  remote.client_ = *std::move(client);
  if (server->path.empty() || access.trust.certificate.empty()) return remote;
  auto holder = readHolderKey(access.trust.certificate, access.trust.key);
  if (!holder) return std::move(holder).error();
  remote.holder_ = std::make_shared<const HolderKey>(*std::move(holder));
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
  const auto access = accessOf(parsed);
  if (!access) return access.error();
  if (access->local() && parsed.has("ca"))
    return Error{Code::Invalid,
                 "--ca is for --server https://HOST:PORT; a Unix socket's server is known by its place"};
  if (access->local() && parsed.has("token-file") && parsed.has("certificate"))
    return Error{Code::Invalid, "show either --token-file or --certificate on a Unix socket"};
  auto remote = connect(*access);
  if (remote) remote->authorization_ = std::move(authorization);
  return remote;
}

base::Result<void> Remote::authorize(http::Request& request) const {
  request.authorization = authorization_;
  if (!holder_) return {};
  auto proof =
      http::proofFor(request, holder_->certificate, holder_->key, base::systemClock().now(), ::geteuid());
  if (!proof) return std::move(proof).error();
  request.authorization = *std::move(proof);
  return {};
}

base::Result<http::Response> Remote::send(http::Request request) {
  if (auto known = authorize(request); !known) return std::move(known).error();
  return client_->call(request, base::Deadline::in(timeout_));
}

base::Result<http::Response> Remote::fetch(http::Request request, const http::Client::Sink& sink) {
  if (auto known = authorize(request); !known) return std::move(known).error();
  return client_->fetch(request, base::Deadline::in(timeout_), kPatience, sink);
}

base::Result<Answer> Remote::call(std::string_view method, std::string path, const Body* body, Query query) {
  http::Request request;
  request.method = method;
  request.path = std::move(path);
  request.query = std::move(query);
  if (body != nullptr) {
    request.contentType = "application/json";
    request.body = body->json();
  }
  auto response = send(std::move(request));
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

base::Error errorOf(const Answer& answer) {
  const std::string code = answer.code();
  const std::string detail = answer.document.text("detail");
  Error error{Code::Denied, detail.empty() ? code : detail};
  if (code.empty())
    error = {Code::Internal, "the server answered with status " + std::to_string(answer.status)};
  for (const ReasonRow& row : reasonTable())
    if (!code.empty() && row.name == code) error.reason = row.reason;
  return error;
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
