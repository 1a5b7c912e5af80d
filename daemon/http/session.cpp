// One connection: a coroutine that reads a request, has it answered, and writes the answer.
#include <sys/socket.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "daemon/http/core.h"
#include "daemon/http/problem.h"
#include "daemon/http/target.h"
#include "daemon/http/unix_socket.h"

namespace kmsd::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

// Whatever comes in may hold a token, so all of it lies in locked, wiped memory.
using Allocator = base::SecretAllocator<char>;
using Body = beast::http::vector_body<char, Allocator>;
using Parser = beast::http::request_parser<Body, Allocator>;
using Incoming = Parser::value_type;
using Strand = asio::strand<asio::io_context::executor_type>;
using Stream = beast::basic_stream<asio::local::stream_protocol>;

constexpr std::size_t kReadSize = 2048;          // bytes asked for at the start of a request
constexpr std::size_t kDrainMost = 1024 * 1024;  // bytes thrown away behind a refused request
constexpr std::chrono::seconds kDrainTimeout{1};
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view plain(beast::string_view text) { return {text.data(), text.size()}; }

// The problem that answers a failed read; nothing where there is nobody to answer.
std::optional<Response> problemOf(error_code failed, const ServerOptions& options) {
  using beast::http::error;
  if (failed.category() != beast::http::make_error_code(error::bad_method).category()) return std::nullopt;
  if (failed == error::end_of_stream || failed == error::partial_message) return std::nullopt;
  if (failed == error::header_limit || failed == error::buffer_overflow) {
    return problem(431, "too_large",
                   "the header is larger than " + std::to_string(options.headerMost) + " bytes");
  }
  if (failed == error::body_limit) {
    return problem(413, "too_large",
                   "the body is larger than " + std::to_string(options.bodyMost) + " bytes");
  }
  if (failed == error::bad_version) return problem(505, "unsupported", "this server speaks HTTP/1.1 and 1.0");
  return problem(400, "invalid_request", "this is not a well-formed HTTP request: " + failed.message());
}

// What is wrong with a header that Beast took; nothing where it is sound. Source: RFC 9110 and RFC 9112.
std::optional<Response> checkHeader(const Parser& parser) {
  using beast::http::field;
  const Incoming& message = parser.get();
  if (message.version() >= 11 && message.count(field::host) != 1) {
    return problem(400, "invalid_request", "an HTTP/1.1 request has one Host header");
  }
  if (message.version() / 10 != 1) {
    return problem(505, "unsupported", "this server speaks HTTP/1.1 and 1.0");
  }
  if (message.count(field::transfer_encoding) != 0 &&
      !beast::iequals(message[field::transfer_encoding], "chunked")) {
    return problem(501, "unsupported", "the only transfer encoding served is chunked");
  }
  const auto encoding = message[field::content_encoding];
  if (!encoding.empty() && !beast::iequals(encoding, "identity")) {
    return problem(415, "unsupported_media_type", "send the body without a content encoding");
  }
  if (message.count(field::authorization) > 1) {
    return problem(400, "invalid_request", "there is more than one Authorization header");
  }
  if (message.method() == beast::http::verb::unknown) {
    return problem(501, "unsupported", "no such method is served");
  }
  // Without a length there is no body (RFC 9112, section 6.3); a client that names one's type meant to send
  // it.
  const bool reads =
      message.method() == beast::http::verb::get || message.method() == beast::http::verb::head;
  if (!reads && message.count(field::content_type) != 0 && !parser.content_length() && !parser.chunked()) {
    return problem(411, "length_required", "send Content-Length, or the body in chunks");
  }
  return std::nullopt;
}

std::optional<Request> requestOf(Incoming& message, const std::optional<Peer>& peer) {
  auto target = parseTarget(plain(message.target()));
  if (!target) return std::nullopt;
  Request request;
  request.method = plain(message.method_string());
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  request.contentType = plain(message[beast::http::field::content_type]);
  request.authorization = base::secretText(plain(message[beast::http::field::authorization]));
  request.body = std::move(message.body());
  request.peer = peer;
  return request;
}

class Session;

// Stands behind a Respond: answers once, and answers "internal" where nobody else did.
class Reply {
 public:
  Reply(std::shared_ptr<Core> core, std::shared_ptr<Session> session)
      : core_(std::move(core)), session_(std::move(session)) {}
  ~Reply() {
    if (!given_.load()) give(problem(500, "internal", "the request was dropped"));
  }
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  void give(Response response);

 private:
  std::shared_ptr<Core> core_;  // keeps the session's io_context; so it goes last
  std::shared_ptr<Session> session_;
  std::atomic<bool> given_ = false;
};

class Session final : public Connection {
 public:
  Session(Core& core, base::Fd socket)
      : core_(core),
        peer_(peerOf(socket.get())),
        strand_(asio::make_strand(*core.io)),
        stream_(
            asio::local::stream_protocol::socket(strand_, asio::local::stream_protocol(), socket.release())),
        timer_(strand_) {}
  ~Session() override { core_.leave(*this); }

  // The other end's user; one that nobody is where the kernel cannot tell.
  uid_t user() const noexcept { return peer_ ? peer_->uid : Peer().uid; }

  void open() { asio::co_spawn(strand_, run(self()), asio::detached); }

  // Instead of open(), where the server is full. A few bytes fit the empty buffer of a fresh socket, so
  // nobody has to wait for this client.
  void turnAway() {
    const Response response = problem(503, "unavailable", "the server has too many connections; try again");
    const std::string text =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: " + response.contentType +
        "\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: " + std::to_string(response.body.size()) +
        "\r\n\r\n" + std::string(base::view(response.body));
    // Where it fails there is nobody to tell.
    static_cast<void>(
        ::send(stream_.socket().native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  }

  void finish() override {
    asio::post(strand_, [self = self()] {
      self->finishing_ = true;
      if (self->state_ == State::Busy) return;
      self->timer_.cancel();
      self->stream_.close();
    });
  }

  // Any thread; once a request.
  void take(Response response) {
    asio::post(strand_, [self = self(), response = std::move(response)]() mutable {
      self->response_ = std::move(response);
      self->timer_.cancel();
    });
  }

 private:
  enum class State : std::uint8_t {
    Idle,  // between requests
    Busy,  // a request is read, worked on or answered
    Held   // the answer is held back
  };

  std::shared_ptr<Session> self() { return std::static_pointer_cast<Session>(shared_from_this()); }

  asio::awaitable<void> run(std::shared_ptr<Session> /*self*/) {
    while (!finishing_ && co_await requestComes()) {
      Parser parser;
      parser.header_limit(static_cast<std::uint32_t>(core_.options.headerMost));
      parser.body_limit(core_.options.bodyMost);
      stream_.expires_after(core_.options.requestTimeout);
      if (!co_await serveOne(parser)) break;
    }
    stream_.close();
  }

  asio::awaitable<bool> requestComes() {
    if (buffer_.size() != 0) co_return true;
    state_ = State::Idle;
    stream_.expires_after(core_.options.idleTimeout);
    error_code failed;
    const std::size_t got = co_await stream_.async_read_some(
        buffer_.prepare(kReadSize), asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return false;
    buffer_.commit(got);
    state_ = State::Busy;
    co_return true;
  }

  // True where the connection goes on.
  asio::awaitable<bool> serveOne(Parser& parser) {
    error_code failed;
    co_await beast::http::async_read_header(stream_, buffer_, parser,
                                            asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return co_await refuse(problemOf(failed, core_.options), parser);
    if (auto wrong = checkHeader(parser)) co_return co_await refuse(std::move(wrong), parser);
    if (!parser.is_done() && beast::iequals(parser.get()[beast::http::field::expect], "100-continue")) {
      co_await asio::async_write(stream_, asio::buffer(kContinue),
                                 asio::redirect_error(asio::use_awaitable, failed));
      if (failed) co_return false;
    }
    co_await beast::http::async_read(stream_, buffer_, parser,
                                     asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return co_await refuse(problemOf(failed, core_.options), parser);

    const Incoming& message = parser.get();
    const bool head = message.method() == beast::http::verb::head;
    const bool keepAlive = message.keep_alive();
    const unsigned version = message.version();
    auto request = requestOf(parser.get(), peer_);
    if (!request) {
      Response response = problem(400, "invalid_request", "the request target is not a path");
      co_return co_await send(std::move(response), version, keepAlive, head);
    }
    co_await answer(*request);
    if (finishing_ && state_ == State::Held) co_return false;
    state_ = State::Busy;
    Response response = *std::move(response_);
    response_.reset();
    co_return co_await send(std::move(response), version, keepAlive && !finishing_, head);
  }

  // Has the request answered; afterwards response_ is there. Holds the answer back where it says so.
  asio::awaitable<void> answer(const Request& request) {
    stream_.expires_never();
    error_code ignored;
    timer_.expires_at(asio::steady_timer::time_point::max());
    callHandler(request);
    // The answer arrives on this strand, so it cannot slip in between the question and the wait.
    while (!response_) co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (response_->delay.count() == 0) co_return;
    state_ = State::Held;
    timer_.expires_after(response_->delay);
    if (!finishing_) co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }

  void callHandler(const Request& request) {
    const auto reply = std::make_shared<Reply>(core_.shared_from_this(), self());
    try {
      core_.handler(request, [reply](Response response) { reply->give(std::move(response)); });
    } catch (const std::bad_alloc&) {
      reply->give(problem(503, "unavailable", "no more memory can be locked now; try again"));
    } catch (const std::exception&) {
      reply->give(problem(500, "internal", "the request failed"));
    }
  }

  asio::awaitable<bool> send(Response response, unsigned version, bool keepAlive, bool head) {
    namespace http = beast::http;
    http::response<Body> message(static_cast<http::status>(response.status), version);
    if (!response.contentType.empty()) message.set(http::field::content_type, response.contentType);
    for (const auto& [name, value] : response.headers) message.set(name, value);
    message.set(http::field::cache_control, "no-store");
    message.keep_alive(keepAlive);
    message.body() = std::move(response.body);
    message.prepare_payload();
    http::response_serializer<Body> serializer(message);
    stream_.expires_after(core_.options.requestTimeout);
    error_code failed;
    if (head) {
      co_await http::async_write_header(stream_, serializer,
                                        asio::redirect_error(asio::use_awaitable, failed));
    } else {
      co_await http::async_write(stream_, serializer, asio::redirect_error(asio::use_awaitable, failed));
    }
    co_return !failed && keepAlive;
  }

  // Answers what could not be read, and ends the connection: where the next request starts is not known.
  asio::awaitable<bool> refuse(std::optional<Response> response, const Parser& parser) {
    if (!response) co_return false;
    const bool head = parser.get().method() == beast::http::verb::head;
    const unsigned version = parser.get().version() == 10 ? 10 : 11;
    co_await send(*std::move(response), version, false, head);
    // What the client still sends is read, or the kernel would take the answer away from it.
    error_code failed;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, failed);
    stream_.expires_after(kDrainTimeout);
    for (std::size_t drained = 0; !failed && drained < kDrainMost;) {
      buffer_.clear();
      drained += co_await stream_.async_read_some(buffer_.prepare(kReadSize),
                                                  asio::redirect_error(asio::use_awaitable, failed));
    }
    co_return false;
  }

  Core& core_;
  const std::optional<Peer> peer_;
  Strand strand_;
  Stream stream_;
  asio::steady_timer timer_;  // waits for the answer, then holds it back
  beast::basic_flat_buffer<Allocator> buffer_{core_.options.headerMost + kReadSize};
  std::optional<Response> response_;
  State state_ = State::Idle;
  bool finishing_ = false;
};

void Reply::give(Response response) {
  if (!given_.exchange(true)) session_->take(std::move(response));
}

}  // namespace

void serve(Core& core, base::Fd socket) {
  const auto session = std::make_shared<Session>(core, std::move(socket));
  if (core.enter(*session, session->user())) {
    session->open();
  } else {
    session->turnAway();
  }
}

}  // namespace kmsd::http
