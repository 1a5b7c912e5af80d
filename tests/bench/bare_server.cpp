#include "tests/bench/bare_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <type_traits>

#include "tests/bench/bare_store.h"

namespace tests::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace json = boost::json;
using boost::system::error_code;
using Unix = asio::local::stream_protocol;
using Tcp = asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::time_t kDay = 24 * 60 * 60;
constexpr const char* kAccessor = "KZPGQ28WNTK74ZC2TQ14FX1X0M";

std::string timeText(std::time_t time) {
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

// One member of a JSON object, where it is a string.
std::string member(const std::string& body, const char* name) {
  unsigned char room[1024];
  json::monotonic_resource memory(room, sizeof room);
  error_code wrong;
  const json::value document = json::parse(body, wrong, &memory);
  const json::object* object = wrong ? nullptr : document.if_object();
  const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

std::string issued(const std::string& token, const std::string& user) {
  unsigned char room[1024];
  json::monotonic_resource memory(room, sizeof room);
  const std::time_t now = std::time(nullptr);
  const json::object answer({{"token", token},
                             {"accessor", kAccessor},
                             {"user", user},
                             {"kind", "access"},
                             {"scopes", json::array(&memory)},
                             {"issued_at", timeText(now)},
                             {"expires_at", timeText(now + kDay)},
                             {"ca_sha256", nullptr}},
                            &memory);
  return json::serialize(answer);
}

std::string verified() {
  unsigned char room[1024];
  json::monotonic_resource memory(room, sizeof room);
  const std::time_t now = std::time(nullptr);
  const json::object answer({{"active", true},
                             {"user", "user-00000"},
                             {"kind", "access"},
                             {"scopes", json::array(&memory)},
                             {"accessor", kAccessor},
                             {"issued_at", timeText(now)},
                             {"expires_at", timeText(now + kDay)}},
                            &memory);
  return json::serialize(answer);
}

// A connection whose request waits for its insert.
class Client : public Waiter {
 public:
  virtual void inserted(std::int64_t key, const BareRow& row) = 0;
  std::size_t context = 0;  // that it runs on
};

template <class Stream>
class Session final : public Client, public std::enable_shared_from_this<Session<Stream>> {
 public:
  Session(Stream stream, BareStore& store, std::size_t on) : stream_(std::move(stream)), store_(store) {
    context = on;
  }

  void start() {
    if constexpr (std::is_same_v<Stream, Unix::socket>) {
      read();
    } else {
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code failed) {
                                if (!failed) self->read();
                              });
    }
  }

  void inserted(std::int64_t key, const BareRow& row) override {
    respond(http::status::created, issued(tokenOf(key, row), user_));
  }

 private:
  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_,
                     [self = this->shared_from_this()](error_code failed, std::size_t /*size*/) {
                       if (!failed) self->serve();
                     });
  }

  void serve() {
    if (request_.target() == "/issue") {
      user_ = member(request_.body(), "user");
      if (user_.empty()) return respond(http::status::bad_request, "{}");
      return store_.insert(randomRow(), this->shared_from_this());
    }
    if (request_.target() != "/verify") return respond(http::status::not_found, "{}");
    const std::string token = member(request_.body(), "token");
    const auto key = keyIn(token);
    const auto row = key ? store_.find(*key) : std::nullopt;
    const bool active = row && tokenOf(*key, *row) == token;
    respond(http::status::ok, active ? verified() : "{\"active\":false}");
  }

  void respond(http::status status, std::string body) {
    response_ = Response(status, request_.version());
    response_.set(http::field::content_type, "application/json");
    response_.set(http::field::cache_control, "no-store");
    response_.keep_alive(request_.keep_alive());
    response_.body() = std::move(body);
    response_.prepare_payload();
    http::async_write(stream_, response_,
                      [self = this->shared_from_this()](error_code failed, std::size_t /*size*/) {
                        if (!failed && self->response_.keep_alive()) self->read();
                      });
  }

  Stream stream_;
  BareStore& store_;
  boost::beast::flat_buffer buffer_;
  Request request_;
  Response response_;
  std::string user_;
};

class BareServer {
 public:
  explicit BareServer(const BareOptions& options)
      : options_(options),
        tls_(asio::ssl::context::tlsv13_server),
        store_(options.file, [this](std::vector<Insert> batch) { answer(std::move(batch)); }) {
    const unsigned contexts = options.shared ? 1 : options.threads;
    const int hint = static_cast<int>(options.shared ? options.threads : 1);
    for (unsigned i = 0; i < contexts; ++i) contexts_.push_back(std::make_unique<asio::io_context>(hint));
  }

  void run() {
    unix_.emplace(*contexts_[0], Unix::endpoint(options_.socket));
    acceptUnix();
    if (options_.port != 0) {
      tls_.use_certificate_chain_file(options_.certificate);
      tls_.use_private_key_file(options_.key, asio::ssl::context::pem);
      tcp_.emplace(*contexts_[0], Tcp::endpoint(asio::ip::address_v4::loopback(), options_.port));
      acceptTls();
    }
    asio::signal_set signals(*contexts_[0], SIGTERM, SIGINT);
    signals.async_wait([this](error_code /*failed*/, int /*signal*/) {
      for (const auto& context : contexts_) context->stop();
    });
    std::puts("ready");
    std::fflush(stdout);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < options_.threads; ++i) {
      threads.emplace_back([this, i] {
        asio::io_context& context = *contexts_[i % contexts_.size()];
        const auto work = asio::make_work_guard(context);
        context.run();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

 private:
  std::size_t nextContext() { return next_++ % contexts_.size(); }

  void acceptUnix() {
    const std::size_t on = nextContext();
    unix_->async_accept(*contexts_[on], [this, on](error_code failed, Unix::socket socket) {
      if (!failed) start<Unix::socket>(std::move(socket), on);
      acceptUnix();
    });
  }

  void acceptTls() {
    const std::size_t on = nextContext();
    tcp_->async_accept(*contexts_[on], [this, on](error_code failed, Tcp::socket socket) {
      if (!failed) {
        socket.set_option(Tcp::no_delay(true));
        start<asio::ssl::stream<Tcp::socket>>(asio::ssl::stream<Tcp::socket>(std::move(socket), tls_), on);
      }
      acceptTls();
    });
  }

  template <class Stream>
  void start(Stream stream, std::size_t on) {
    const auto session = std::make_shared<Session<Stream>>(std::move(stream), store_, on);
    asio::post(*contexts_[on], [session] { session->start(); });
  }

  // One post a context and commit, whatever the number of those who wait.
  void answer(std::vector<Insert> batch) {
    std::vector<std::vector<Insert>> parts(contexts_.size());
    for (Insert& insert : batch) {
      const std::size_t on = static_cast<const Client&>(*insert.waiter).context;
      parts[on].push_back(std::move(insert));
    }
    for (std::size_t on = 0; on < parts.size(); ++on) {
      if (parts[on].empty()) continue;
      asio::post(*contexts_[on], [part = std::move(parts[on])] {
        for (const Insert& insert : part)
          static_cast<Client&>(*insert.waiter).inserted(insert.key, insert.row);
      });
    }
  }

  const BareOptions options_;
  std::vector<std::unique_ptr<asio::io_context>> contexts_;
  asio::ssl::context tls_;
  std::optional<Unix::acceptor> unix_;
  std::optional<Tcp::acceptor> tcp_;
  std::size_t next_ = 0;
  BareStore store_;  // last: its thread posts to the contexts
};

}  // namespace

void serveBare(const BareOptions& options) { BareServer(options).run(); }

}  // namespace tests::bench
