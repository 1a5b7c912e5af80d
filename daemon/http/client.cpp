#include "daemon/http/client.h"

#include <poll.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>

#include "daemon/http/client_wire.h"
#include "daemon/http/target.h"

namespace kmsd::http {
namespace {

namespace http = boost::beast::http;
using base::Code;
using base::Error;
using base::Reason;
using boost::system::error_code;

using Allocator = base::SecretAllocator<char>;
using Body = http::vector_body<char, Allocator>;
using Parser = http::response_parser<Body, Allocator>;

constexpr std::size_t kHeaderMost = 16 * 1024;      // bytes
constexpr std::size_t kBodyMost = 8 * 1024 * 1024;  // bytes
constexpr std::size_t kReadSize = 16 * 1024;        // bytes
constexpr std::size_t kPieceSize = 256 * 1024;      // bytes of a body that goes to a sink

Error unreachable(const std::string& what) {
  return Error{Code::Unavailable, what, Reason::ServerUnreachable};
}
Error timedOut() {
  return Error{
      Code::Timeout,
      "the server did not answer in time, and may still do what it was asked; --timeout waits longer",
      Reason::ServerUnreachable};
}

std::string targetOf(const Request& request) {
  std::string target;
  // A name may hold a slash; the server takes a last segment with all its
  // slashes.
  for (const char c : request.path) target += c == '/' ? std::string("/") : escapeTarget({&c, 1});
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    target += separator + escapeTarget(name) + "=" + escapeTarget(value);
    separator = '&';
  }
  return target;
}

void append(base::SecretText& to, std::string_view text) { to.insert(to.end(), text.begin(), text.end()); }

base::SecretText headerOf(const Request& request, const std::string& host) {
  base::SecretText out;
  append(out, request.method + " " + targetOf(request) + " HTTP/1.1\r\nHost: " + host + "\r\n");
  if (!request.authorization.empty()) {
    append(out, "Authorization: ");
    append(out, base::view(request.authorization));
    append(out, "\r\n");
  }
  if (!request.contentType.empty()) append(out, "Content-Type: " + request.contentType + "\r\n");
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT")
    append(out, "Content-Length: " + std::to_string(request.body.size()) + "\r\n");
  append(out, "\r\n");
  return out;
}

class WireClient final : public Client {
 public:
  WireClient(std::unique_ptr<Wire> wire, std::string host) : wire_(std::move(wire)), host_(std::move(host)) {}
  ~WireClient() override { wire_->close(true); }
  void endOn(int fd) noexcept override { stop_ = fd; }

  base::Result<Response> call(const Request& request, base::Deadline by) override try {
    base::SecretText first = headerOf(request, host_);
    std::string_view rest = base::view(request.body);
    if (rest.size() <= kReadSize) append(first, std::exchange(rest, {}));  // in one packet
    const bool timely = send(base::view(first), by) && send(rest, by);
    // A server that refuses a request answers before it has read it, so a
    // failed write may still have an answer.
    if (!timely) return late();
    return read(request.method == "HEAD", by);
  } catch (const std::bad_alloc&) {
    return Error{Code::Unavailable, "no memory can be locked for the answer; raise the limit (ulimit -l)"};
  }

  base::Result<Response> fetch(const Request& request, base::Deadline by, std::chrono::milliseconds patience,
                               const Sink& sink) override try {
    const base::SecretText first = headerOf(request, host_);
    if (!send(base::view(first), by) || !send(base::view(request.body), by)) return late();
    Parser parser;
    parser.header_limit(kHeaderMost);
    parser.skip(true);  // the body is taken below
    parser.eager(false);
    if (auto filled = fill(parser, by); !filled) return std::move(filled).error();
    Response response = headOf(parser);
    const std::uint64_t total = parser.content_length().value_or(0);
    const bool good = response.status == 200;
    if (!good && total > kBodyMost) return Error{Code::Corrupt, "the answer is too long"};
    const Sink keep = [&response](std::uint64_t, base::BytesView piece) -> base::Result<void> {
      append(response.body, base::asText(piece));
      return {};
    };
    if (auto taken = takeBody(total, patience, good ? sink : keep); !taken) return std::move(taken).error();
    return response;
  } catch (const std::bad_alloc&) {
    return Error{Code::Unavailable, "no memory can be locked for the answer; raise the limit (ulimit -l)"};
  }

 private:
  // Why nothing was waited for any more.
  Error late() const {
    pollfd stop{stop_, POLLIN, 0};
    if (::poll(&stop, 1, 0) > 0) return Error{Code::Unavailable, "interrupted", Reason::Interrupted};
    return timedOut();
  }

  // False where nothing is waited for any more; true where all is sent, or no more can be.
  bool send(std::string_view text, base::Deadline by) {
    while (!text.empty()) {
      const Moved moved = wire_->writeSome(text);
      text.remove_prefix(moved.bytes);
      if (moved.state == Move::Done) continue;
      if (moved.state != Move::WantRead && moved.state != Move::WantWrite) return true;
      if (!waitFor(wire_->fd(), moved.state, by, stop_)) return false;
    }
    return true;
  }

  // Gives the parser what is there, and reads more. Nothing where the answer is
  // whole.
  base::Result<void> fill(Parser& parser, base::Deadline by) {
    while (!parser.is_done()) {
      error_code failed;
      const std::size_t used = in_.empty() ? 0 : parser.put({in_.data(), in_.size()}, failed);
      in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(used));
      if (parser.is_done()) break;
      if (failed && failed != http::error::need_more)
        return Error{Code::Corrupt, "the answer is not HTTP: " + failed.message()};
      if (used != 0 && !failed && !in_.empty()) continue;
      const std::size_t size = in_.size();
      in_.resize(size + kReadSize);
      const Moved moved = wire_->readSome(std::span(in_).subspan(size));
      in_.resize(size + moved.bytes);
      if (moved.state == Move::Done) continue;
      if (moved.state == Move::Closed && parser.is_header_done() && parser.need_eof()) {
        parser.put_eof(failed);
        if (!failed) break;
      }
      if (moved.state != Move::WantRead && moved.state != Move::WantWrite) {
        // In TLS 1.3 a server sees the client's certificate after the client's handshake is done.
        const TlsFailure why = wire_->failure();
        if (auto refused = certificateRefused(why)) return *std::move(refused);
        return unreachable("the server ended the connection without an answer" +
                           (why.what.empty() ? "" : ": " + why.what));
      }
      if (!waitFor(wire_->fd(), moved.state, by, stop_)) return late();
    }
    return {};
  }

  base::Result<Response> read(bool head, base::Deadline by) {
    Parser parser;
    parser.header_limit(kHeaderMost);
    parser.body_limit(kBodyMost);
    parser.skip(head);
    parser.eager(true);
    if (auto filled = fill(parser, by); !filled) return std::move(filled).error();
    Response response = headOf(parser);
    response.body = std::move(parser.get().body());
    return response;
  }

  static Response headOf(const Parser& parser) {
    Response response;
    response.status = static_cast<int>(parser.get().result_int());
    response.contentType = std::string_view(parser.get()[http::field::content_type]);
    for (const auto& field : parser.get()) response.headers.emplace_back(field.name_string(), field.value());
    return response;
  }

  base::Result<void> takeBody(std::uint64_t total, std::chrono::milliseconds patience, const Sink& sink) {
    if (auto begun = sink(total, {}); !begun) return begun;
    const std::size_t there = static_cast<std::size_t>(std::min<std::uint64_t>(in_.size(), total));
    if (auto taken = sink(total, base::asBytes({in_.data(), there})); !taken) return taken;
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(there));
    std::vector<char> piece(kPieceSize);
    auto by = base::Deadline::in(patience);
    for (std::uint64_t left = total - there; left > 0;) {
      const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
      const Moved moved = wire_->readSome(std::span(piece).first(most));
      if (moved.state == Move::Done) {
        if (auto taken = sink(total, base::asBytes({piece.data(), moved.bytes})); !taken) return taken;
        left -= moved.bytes;
        by = base::Deadline::in(patience);
        continue;
      }
      if (moved.state != Move::WantRead && moved.state != Move::WantWrite)
        return unreachable("the server ended the connection before its answer was whole");
      if (!waitFor(wire_->fd(), moved.state, by, stop_)) return late();
    }
    return {};
  }

  std::unique_ptr<Wire> wire_;
  const std::string host_;
  base::SecretText in_;  // read and not used yet
  int stop_ = -1;
};

}  // namespace

base::Result<std::unique_ptr<Client>> Client::connectUnix(const std::filesystem::path& path,
                                                          base::Deadline by) {
  auto wire = unixClientWire(path, by);
  if (!wire) return std::move(wire).error();
  return std::unique_ptr<Client>(std::make_unique<WireClient>(*std::move(wire), "localhost"));
}

base::Result<std::unique_ptr<Client>> Client::connectTls(const std::string& host, std::uint16_t port,
                                                         const TlsTrust& trust, base::Deadline by) try {
  auto wire = tlsClientWire(host, port, trust, by);
  if (!wire) return std::move(wire).error();
  const std::string name = host.find(':') != host.npos ? '[' + host + ']' : host;
  return std::unique_ptr<Client>(
      std::make_unique<WireClient>(*std::move(wire), name + ':' + std::to_string(port)));
} catch (const std::bad_alloc&) {
  return Error{Code::Unavailable, "there is no memory for the connection"};
}

}  // namespace kmsd::http
