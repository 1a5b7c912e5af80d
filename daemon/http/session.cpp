// One connection: a coroutine that reads a request, has it answered, and writes the answer. It tries first
// and waits for the descriptor only where it must; while it waits for a request it holds no locked memory.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/http/answer_text.h"
#include "daemon/http/core.h"
#include "daemon/http/intake.h"
#include "daemon/http/reply.h"
#include "daemon/http/request_parser.h"
#include "daemon/http/tls.h"
#include "daemon/http/wire.h"
#include "hal/base/clock.h"

namespace kmsd::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using State = RequestParser::State;
using Clock = std::chrono::steady_clock;
// Of one known executor: no type is erased on the way of a request.
using Executor = asio::io_context::executor_type;
template <class T>
using Awaitable = asio::awaitable<T>;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
constexpr asio::use_awaitable_t<> kAwait;

constexpr std::size_t kDrainMost = 1024 * 1024;  // bytes thrown away behind a refused request
constexpr std::chrono::seconds kDrainTimeout{1};
constexpr std::size_t kSlowest = 64 * 1024;     // bytes a second at which a client must take a long answer
constexpr std::chrono::milliseconds kTurn{20};  // between looks whether there is room for a handshake
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

class Session final : public Connection {
 public:
  Session(Core& core, Loop& loop, Arrival arrival, std::unique_ptr<Wire> wire)
      : Connection(loop),
        core_(core),
        holder_(arrival.holder),
        transport_(arrival.transport),
        peer_(std::move(arrival.peer)),
        wire_(std::move(wire)),
        ready_(loop.io(), wire_->fd()),
        timer_(loop.io()),
        in_(loop) {}
  ~Session() override { close(); }

  void open() {
    loop().join(*this);
    asio::co_spawn(loop().io(), run(self()), asio::detached);
  }

  void finish() override {
    finishing_ = true;
    if (phase_ != Phase::Busy) end();
  }
  void tlsChanged() override {
    overtaken_ = phase_ == Phase::Handshake;
    if (certificate_) finish();
  }
  void expire() override {
    orderly_ = !sending_;  // a client that does not take its answer keeps nothing of it
    end();
  }
  void shed(Moment since) override {
    if (phase_ == Phase::Busy && deadline() != Moment::max() &&
        deadline() - core_.options.requestTimeout <= since)
      expire();
  }
  void hurry(Moment since) override {
    if (shaking_ && deadline() - core_.options.requestTimeout <= since) expire();
  }
  void answered() override {
    answered_ = true;
    timer_.cancel();
  }

  // Any thread; once a request.
  void take(Response response) {
    response_ = std::move(response);
    if (loop().here() && calling_) {
      answered_ = true;
    } else {
      loop().answered(shared_from_this());
    }
  }

 private:
  enum class Phase : std::uint8_t {
    Handshake,
    Idle,  // between requests
    Busy,  // a request is read, worked on or answered
    Held,  // the answer is held back
    Long   // an answer is sent that takes long
  };

  std::shared_ptr<Session> self() { return std::static_pointer_cast<Session>(shared_from_this()); }

  // Ends the connection; the coroutine sees it where it waits.
  void end() {
    ended_ = true;
    expiresNever();
    ready_.cancel();
    timer_.cancel();
  }

  // All that belongs to the loop's thread goes here; a late Reply may keep the rest.
  void close() noexcept {
    if (!wire_) return;
    loop().leave(*this);
    ready_.release();  // the descriptor is the wire's to close
    wire_->close(orderly_);
    wire_.reset();
    in_.drop();
    core_.leave(holder_, transport_);
  }

  Awaitable<void> run(std::shared_ptr<Session> /*self*/) {
    bool starved = false;
    try {
      co_await serveAll();
    } catch (const std::bad_alloc&) {
      starved = true;
    }
    if (starved) {
      loop().starved();
      sayNoMemory();
    }
    close();
  }

  Awaitable<void> serveAll() {
    bool goesOn = co_await shakeHands();
    while (goesOn && !finishing_) {
      if (in_.empty()) {
        becomeIdle();
        goesOn = co_await more();
        if (!goesOn) co_return;
      }
      becomeBusy();
      goesOn = co_await serveOne();
      in_.wipe();
      if (!goesOn) co_return;
      // What came behind the request is served in turn, after those who wait for their first.
      if (in_.empty()) continue;
      in_.keep();
      co_await asio::post(kAwait);
    }
  }

  // False where the connection ended instead.
  Awaitable<bool> ready(Move want) {
    if (ended_ || (want != Move::WantRead && want != Move::WantWrite)) co_return false;
    error_code failed;
    co_await ready_.async_wait(want == Move::WantRead ? Descriptor::wait_read : Descriptor::wait_write,
                               asio::redirect_error(kAwait, failed));
    co_return !failed && !ended_;
  }

  Awaitable<bool> shakeHands() {
    expiresAfter(core_.options.requestTimeout);
    if (!wire_->secure()) co_return true;
    // Who says nothing, or has to wait, costs no more than the connection itself.
    if (!co_await ready(Move::WantRead)) co_return false;
    for (error_code ignored; !loop().mayShakeHands() && !ended_;) {
      timer_.expires_after(kTurn);
      co_await timer_.async_wait(asio::redirect_error(kAwait, ignored));
    }
    if (ended_) co_return false;
    const Loop::Handshake handshake(loop());
    expiresAfter(core_.options.requestTimeout);
    shaking_ = true;
    for (Move state = wire_->handshake(); state != Move::Done; state = wire_->handshake())
      if (!co_await ready(state)) co_return !finishing_ && core_.handshakeFailed(*wire_);
    shaking_ = false;
    certificate_ = wire_->certificate();
    co_return !(overtaken_ && certificate_);
  }

  void becomeIdle() {
    phase_ = Phase::Idle;
    expiresAfter(core_.options.idleTimeout);
  }

  void becomeBusy() {
    phase_ = Phase::Busy;
    expiresAfter(core_.options.requestTimeout);
  }

  // Waits for more bytes.
  Awaitable<bool> more() {
    Move want = wire_->mayHaveMore() ? Move::Done : Move::WantRead;
    for (;;) {
      if (want != Move::Done) {
        in_.keep();
        if (!co_await ready(want)) co_return false;
      }
      want = in_.fill(*wire_).state;
      if (want == Move::Done) co_return true;
    }
  }

  // True where the connection goes on.
  Awaitable<bool> serveOne() {
    if (certificate_ && certificate_->notAfter <= base::systemClock().now()) {
      co_return co_await refuse(
          problem(401, "certificate_expired", "the client certificate has expired; show a new one"), {});
    }
    RequestParser parser(core_.options);
    for (;;) {
      const auto fed = parser.put(in_.bytes());
      in_.use(fed.used);
      if (fed.state == State::Done) break;
      if (fed.state == State::Refused) {
        co_return co_await refuse(parser.refusal(), {parser.old(), false}, parser.head());
      }
      if (parser.awaitsContinue() && in_.empty() && !co_await sendAll(kContinue)) co_return false;
      if (!co_await more()) co_return false;
    }
    const AnswerForm form{parser.old(), parser.keepAlive()};
    auto request = parser.take();
    if (!request) {
      const Response response = problem(400, "invalid_request", "the request target is not a path");
      co_return co_await send(response, form, parser.head());
    }
    request->transport = transport_;
    request->peer = peer_;
    request->certificate = certificate_;
    expiresNever();
    answered_ = false;
    callHandler(*request);
    if (!answered_ || response_.delay.count() != 0) {
      in_.keep();
      if (!co_await answerComes()) co_return false;
    }
    const Response response = std::move(response_);
    co_return co_await send(response, {form.old, form.keepAlive && !finishing_}, parser.head());
  }

  void callHandler(const Request& request) {
    const auto reply = std::make_shared<Reply<Session>>(core_.shared_from_this(), self());
    calling_ = true;
    try {
      core_.handler(request, [reply](Response response) { reply->give(std::move(response)); });
    } catch (const std::bad_alloc&) {
      reply->give(problem(503, "unavailable", "no more memory can be locked now; try again"));
    } catch (const std::exception&) {
      reply->give(problem(500, "internal", "the request failed"));
    }
    calling_ = false;
  }

  // Waits until response_ is there, and as long as it is held back. False where the server stops meanwhile.
  Awaitable<bool> answerComes() {
    error_code ignored;
    // The answer arrives on this thread, so it cannot slip in between the question and the wait.
    while (!answered_) {
      timer_.expires_at(Clock::time_point::max());
      co_await timer_.async_wait(asio::redirect_error(kAwait, ignored));
    }
    if (response_.delay.count() == 0) co_return true;
    phase_ = Phase::Held;
    timer_.expires_after(response_.delay);
    if (!finishing_) co_await timer_.async_wait(asio::redirect_error(kAwait, ignored));
    phase_ = Phase::Busy;
    co_return !finishing_;
  }

  // True where the connection goes on.
  Awaitable<bool> send(const Response& response, AnswerForm form, bool head) {
    expiresAfter(core_.options.requestTimeout + std::chrono::seconds(bodyOf(response).size() / kSlowest));
    sending_ = true;
    base::SecretText& out = loop().out();
    out.clear();
    appendHeader(out, response, form);
    // One call, and one TLS record, sends nearly every answer.
    std::string_view body = head ? std::string_view() : bodyOf(response);
    const std::size_t fits = std::min(body.size(), loop().room() - std::min(loop().room(), out.size()));
    out.insert(out.end(), body.begin(), body.begin() + static_cast<std::ptrdiff_t>(fits));
    body.remove_prefix(fits);
    const Moved moved = wire_->writeSome(out);
    if (moved.state == Move::Done && moved.bytes == out.size() && body.empty() && !response.source) {
      wipeText(out);
      sending_ = false;
      co_return form.keepAlive;
    }
    const base::SecretText unsent(out.begin() + static_cast<std::ptrdiff_t>(moved.bytes), out.end());
    wipeText(out);
    in_.keep();
    if (moved.state != Move::Done && !co_await ready(moved.state)) co_return false;
    if (!co_await sendAll(base::view(unsent)) || !co_await sendAll(body)) co_return false;
    if (response.source && !head && !co_await sendSource(*response.source)) co_return false;
    sending_ = false;
    co_return form.keepAlive;
  }

  Awaitable<bool> sendAll(std::string_view text) {
    while (!text.empty()) {
      const Moved moved = wire_->writeSome(text);
      text.remove_prefix(moved.bytes);
      if (moved.state == Move::Done) continue;
      in_.keep();
      if (!co_await ready(moved.state)) co_return false;
    }
    co_return true;
  }

  // In pieces, each of which the client must take in time; a stop cuts it.
  Awaitable<bool> sendSource(BodySource& source) {
    Descriptor there(loop().io(), source.ready().release());
    for (phase_ = Phase::Long;;) {
      const auto piece = source.next();
      if (!piece || ended_ || finishing_) co_return false;
      if (!*piece) {
        expiresNever();  // the client waits for us
        co_await there.async_wait(Descriptor::wait_read, kAwait);
        continue;
      }
      if ((*piece)->empty()) co_return true;
      expiresAfter(core_.options.requestTimeout);
      if (!co_await sendAll(base::asText(**piece))) co_return false;
      co_await asio::post(kAwait);  // others have their turn
    }
  }

  // Answers what could not be read, and ends the connection: where the next request starts is not known.
  Awaitable<bool> refuse(Response response, AnswerForm form, bool head = false) {
    form.keepAlive = false;
    co_await send(response, form, head);
    // What the client still sends is read, or the kernel would take the answer away from it.
    wire_->endWriting();
    expiresAfter(kDrainTimeout);
    for (std::size_t drained = 0; drained < kDrainMost;) {
      in_.drop();
      const Moved got = in_.fill(*wire_);
      in_.drop();
      drained += got.bytes;
      if (got.state == Move::Done) continue;
      in_.keep();
      if (!co_await ready(got.state)) break;
    }
    co_return false;
  }

  // Without any memory of its own.
  void sayNoMemory() noexcept { wire_->writeSome(kNoMemoryAnswer); }

  Core& core_;
  const Holder holder_;
  const Transport transport_;
  const std::optional<Peer> peer_;
  std::optional<ClientCertificate> certificate_;
  std::unique_ptr<Wire> wire_;
  Descriptor ready_;
  Timer timer_;  // waits for the answer, then holds it back
  Intake in_;
  Response response_;
  Phase phase_ = Phase::Handshake;
  bool shaking_ = false;
  bool overtaken_ = false;  // new files came in the handshake: what is shown counts by the old ones
  bool calling_ = false;
  bool answered_ = false;
  bool finishing_ = false;
  bool ended_ = false;
  bool sending_ = false;
  bool orderly_ = true;
};

}  // namespace

void serve(Core& core, Loop& loop, Arrival arrival) {
  const auto [holder, transport] = std::pair(arrival.holder, arrival.transport);
  std::shared_ptr<Session> session;
  try {
    std::unique_ptr<Wire> wire;
    if (arrival.transport != Transport::Https) {
      wire = plainWire(std::move(arrival.socket));
    } else if (const auto context = core.tls()) {
      wire = tlsWire(std::move(arrival.socket), context);
    }
    if (wire) session = std::make_shared<Session>(core, loop, std::move(arrival), std::move(wire));
    if (session) return session->open();
  } catch (const std::exception&) {
    // No memory or descriptor for it: it ends here.
  }
  if (!session) core.leave(holder, transport);
}

}  // namespace kmsd::http
