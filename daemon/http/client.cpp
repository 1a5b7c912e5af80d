#include "daemon/http/client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "daemon/http/target.h"

namespace kmsd::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using base::Code;
using base::Error;
using base::Reason;
using boost::system::error_code;

using Allocator = base::SecretAllocator<char>;
using Body = http::vector_body<char, Allocator>;
using Fields = http::basic_fields<Allocator>;

constexpr std::size_t kHeaderMost = 16 * 1024;      // bytes
constexpr std::size_t kBodyMost = 8 * 1024 * 1024;  // bytes

Error unreachable(const std::string& what) {
  return Error{Code::Unavailable, what, Reason::ServerUnreachable};
}

std::string targetOf(const Request& request) {
  std::string target;
  // A name may hold a slash; the server takes a last segment with all its slashes.
  for (const char c : request.path) target += c == '/' ? std::string("/") : escapeTarget({&c, 1});
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    target += separator + escapeTarget(name) + "=" + escapeTarget(value);
    separator = '&';
  }
  return target;
}

class UnixClient final : public Client {
 public:
  UnixClient() : stream_(io_) {}

  base::Result<void> connect(const std::filesystem::path& path, base::Deadline by) {
    const std::string name = path.string();
    if (name.empty() || name.size() > 107) {
      return Error{Code::Invalid, "the socket path must have 1 to 107 bytes: " + name};
    }
    error_code failed;
    stream_.expires_at(by.at());
    stream_.async_connect(asio::local::stream_protocol::endpoint(name),
                          [&](error_code result) { failed = result; });
    runAll();
    if (!failed) return {};
    if (failed == beast::error::timeout) return unreachable("the server at " + name + " does not answer");
    if (failed == asio::error::access_denied) {
      return Error{Code::Denied, "no permission to use the socket " + name, Reason::ServerUnreachable};
    }
    return unreachable("no server at " + name + " (" + failed.message() + "); is kmsd running?");
  }

  base::Result<Response> call(const Request& request, base::Deadline by) override try {
    http::request<Body, Fields> message(http::verb::unknown, targetOf(request), 11);
    message.method_string(request.method);
    message.set(http::field::host, "localhost");
    if (!request.authorization.empty()) {
      message.set(http::field::authorization, base::view(request.authorization));
    }
    if (!request.contentType.empty()) message.set(http::field::content_type, request.contentType);
    message.body() = request.body;
    message.prepare_payload();

    error_code sent;
    stream_.expires_at(by.at());
    http::async_write(stream_, message, [&](error_code result, std::size_t) { sent = result; });
    runAll();
    if (sent == beast::error::timeout) return timedOut();
    // A server that refuses a request answers before it has read it, so a failed write may still have an
    // answer.
    return read(request.method == "HEAD", by);
  } catch (const std::bad_alloc&) {
    return Error{Code::Unavailable, "no memory can be locked for the answer; raise the limit (ulimit -l)"};
  }

 private:
  base::Result<Response> read(bool head, base::Deadline by) {
    http::response_parser<Body, Allocator> parser;
    parser.header_limit(kHeaderMost);
    parser.body_limit(kBodyMost);
    parser.skip(head);
    error_code failed;
    stream_.expires_at(by.at());
    http::async_read(stream_, buffer_, parser, [&](error_code result, std::size_t) { failed = result; });
    runAll();
    if (failed == beast::error::timeout) return timedOut();
    if (failed) return unreachable("the server ended the connection without an answer: " + failed.message());
    Response response;
    response.status = static_cast<int>(parser.get().result_int());
    response.contentType = std::string_view(parser.get()[http::field::content_type]);
    for (const auto& field : parser.get()) {
      response.headers.emplace_back(field.name_string(), field.value());
    }
    response.body = std::move(parser.get().body());
    return response;
  }

  static Error timedOut() { return Error{Code::Timeout, "the server did not answer in time"}; }

  void runAll() {
    io_.restart();
    io_.run();
  }

  asio::io_context io_;
  beast::basic_stream<asio::local::stream_protocol> stream_;
  beast::basic_flat_buffer<Allocator> buffer_{kHeaderMost + 4096};
};

}  // namespace

base::Result<std::unique_ptr<Client>> Client::connectUnix(const std::filesystem::path& path,
                                                          base::Deadline by) {
  auto client = std::make_unique<UnixClient>();
  if (auto connected = client->connect(path, by); !connected) return std::move(connected).error();
  return std::unique_ptr<Client>(std::move(client));
}

}  // namespace kmsd::http
