#include "daemon/http/request_parser.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "daemon/http/problem.h"
#include "daemon/http/target.h"

namespace kmsd::http {
namespace {

namespace beast = boost::beast;
using beast::http::error;
using beast::http::field;
using beast::http::verb;
using boost::system::error_code;

constexpr std::size_t kReserveMost = 4096;  // bytes of body made ready before they have come

std::string_view plain(beast::string_view text) { return {text.data(), text.size()}; }

Response tooLargeHeader(const ServerOptions& options) {
  return problem(431, "too_large",
                 "the header is larger than " + std::to_string(options.headerMost) + " bytes");
}

Response problemOf(error_code failed, const ServerOptions& options) {
  if (failed == error::header_limit || failed == error::buffer_overflow) return tooLargeHeader(options);
  if (failed == error::body_limit) {
    return problem(413, "too_large",
                   "the body is larger than " + std::to_string(options.bodyMost) + " bytes");
  }
  if (failed == error::bad_version) return problem(505, "unsupported", "this server speaks HTTP/1.1 and 1.0");
  return problem(400, "invalid_request", "this is not a well-formed HTTP request: " + failed.message());
}

}  // namespace

// Keeps of the header what is used, instead of all its fields.
class RequestParser::Impl final : public beast::http::basic_parser<true> {
 public:
  explicit Impl(const ServerOptions& options) : options_(options) {
    header_limit(static_cast<std::uint32_t>(options.headerMost));
    body_limit(options.bodyMost);
  }

  Fed feed(std::span<const char> bytes) {
    Fed fed;
    while (!is_done()) {
      error_code failed;
      const bool inHeader = !headerDone_;
      const std::size_t used = put({bytes.data(), bytes.size()}, failed);
      bytes = bytes.subspan(used);
      fed.used += used;
      if (failed && failed != error::need_more) return refuse(fed, problemOf(failed, options_));
      if (inHeader) headerSize_ += used;
      // Beast's limit starts anew with each field that was used up.
      if (inHeader && headerSize_ + (headerDone_ ? 0 : bytes.size()) > options_.headerMost) {
        return refuse(fed, tooLargeHeader(options_));
      }
      if (failed == error::need_more) {
        // What is not used of a body is the line of a chunk, or the trailer.
        return bytes.size() > options_.headerMost ? refuse(fed, tooLargeHeader(options_)) : fed;
      }
      if (inHeader && headerDone_) {
        if (auto wrong = checkHeader()) return refuse(fed, *std::move(wrong));
      }
      if (bytes.empty() && !is_done()) return fed;
    }
    fed.state = State::Done;
    return fed;
  }

  const ServerOptions& options_;
  Request request;
  bool badTarget = false;
  bool head = false;
  unsigned version = 11;
  bool awaitsContinue = false;
  std::optional<Response> refusal;

 private:
  Fed refuse(Fed fed, Response why) {
    refusal = std::move(why);
    fed.state = State::Refused;
    return fed;
  }

  // What is wrong with a header that Beast took; nothing where it is sound.
  std::optional<Response> checkHeader() const {
    if (version >= 11 && hosts_ != 1)
      return problem(400, "invalid_request", "an HTTP/1.1 request has one Host header");
    if (otherCoding_) return problem(501, "unsupported", "the only transfer encoding served is chunked");
    if (encoded_) return problem(415, "unsupported_media_type", "send the body without a content encoding");
    if (authorizations_ > 1)
      return problem(400, "invalid_request", "there is more than one Authorization header");
    if (method_ == verb::unknown) return problem(501, "unsupported", "no such method is served");
    // Without a length there is no body (RFC 9112, section 6.3); a client that names one's type meant to send
    // it.
    const bool reads = method_ == verb::get || method_ == verb::head;
    if (!reads && typed_ && !content_length() && !chunked())
      return problem(411, "length_required", "send Content-Length, or the body in chunks");
    return std::nullopt;
  }

  void on_request_impl(verb method, beast::string_view text, beast::string_view target, int spoken,
                       error_code& failed) override {
    failed = {};
    method_ = method;
    head = method == verb::head;
    version = static_cast<unsigned>(spoken);
    request.method = plain(text);
    if (auto parsed = parseTarget(plain(target))) {
      request.path = std::move(parsed->path);
      request.query = std::move(parsed->query);
    } else {
      badTarget = true;
    }
  }

  void on_response_impl(int, beast::string_view, int, error_code& failed) override { failed = {}; }

  void on_field_impl(field name, beast::string_view, beast::string_view value, error_code& failed) override {
    failed = {};
    if (headerDone_) return;  // a trailer decides nothing
    switch (name) {
      case field::host:
        ++hosts_;
        break;
      case field::authorization:
        if (++authorizations_ == 1) request.authorization = base::secretText(plain(value));
        break;
      case field::content_type:
        if (!typed_) request.contentType = plain(value);
        typed_ = true;
        break;
      case field::if_none_match:
        request.ifNoneMatch = plain(value);
        break;
      case field::content_encoding:
        encoded_ = encoded_ || (!value.empty() && !beast::iequals(value, "identity"));
        break;
      case field::transfer_encoding:
        otherCoding_ = otherCoding_ || !beast::iequals(value, "chunked");
        break;
      case field::expect:
        awaitsContinue = beast::iequals(value, "100-continue");
        break;
      default:
        break;
    }
  }

  void on_header_impl(error_code& failed) override {
    failed = {};
    headerDone_ = true;
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code& failed) override {
    failed = {};
    // No more than this, or a client that sends nothing would bind what others need.
    if (length)
      request.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*length, kReserveMost)));
  }

  std::size_t on_body_impl(beast::string_view body, error_code& failed) override {
    failed = {};
    request.body.insert(request.body.end(), body.begin(), body.end());
    return body.size();
  }

  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code& failed) override { failed = {}; }

  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code& failed) override {
    return on_body_impl(body, failed);
  }

  void on_finish_impl(error_code& failed) override { failed = {}; }

  verb method_ = verb::unknown;
  std::size_t headerSize_ = 0;
  unsigned hosts_ = 0;
  unsigned authorizations_ = 0;
  bool typed_ = false;
  bool encoded_ = false;
  bool otherCoding_ = false;
  bool headerDone_ = false;
};

RequestParser::RequestParser(const ServerOptions& options) : impl_(std::make_unique<Impl>(options)) {}
RequestParser::~RequestParser() = default;

RequestParser::Fed RequestParser::put(std::span<const char> bytes) { return impl_->feed(bytes); }

bool RequestParser::awaitsContinue() noexcept {
  return impl_->is_header_done() && !impl_->is_done() && std::exchange(impl_->awaitsContinue, false);
}

bool RequestParser::head() const noexcept { return impl_->head; }
bool RequestParser::old() const noexcept { return impl_->version < 11; }
bool RequestParser::keepAlive() const noexcept { return impl_->keep_alive(); }
Response RequestParser::refusal() { return *std::move(impl_->refusal); }

std::optional<Request> RequestParser::take() {
  if (impl_->badTarget) return std::nullopt;
  return std::move(impl_->request);
}

}  // namespace kmsd::http
