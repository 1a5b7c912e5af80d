#include "daemon/http/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

namespace kmsd::http {
namespace {

namespace asio = boost::asio;

thread_local const Loop* t_loop = nullptr;

// While more than half of all memory that may be locked is in use, whoever holds some may take no longer than
// this for his request or his answer. So clients that send halves of requests cannot keep the others out.
// Nor may a handshake take longer while others wait for theirs.
constexpr std::chrono::seconds kHurry{1};
constexpr std::size_t kSlabsPlenty = base::SecretPool::kMost / base::SecretPool::kSlab / 2;

}  // namespace

struct Loop::Clockwork {
  explicit Clockwork(asio::io_context& io) : timer(io), guard(io.get_executor()) {}
  asio::steady_timer timer;
  asio::executor_work_guard<asio::io_context::executor_type> guard;
};

Loop::Loop(std::size_t room)
    : room_(room),
      io_(std::make_unique<asio::io_context>(1)),
      clockwork_(std::make_unique<Clockwork>(*io_)) {}

Loop::~Loop() {
  // What came when it no longer ran: these connections must not outlive what they wait with.
  answered_.clear();
  calls_.clear();
  clockwork_.reset();
  io_.reset();
}

void Loop::run() {
  t_loop = this;
  sweepLater();
  for (;;) {
    try {
      io_->run();
      break;
    } catch (const std::exception&) {
      // Out of memory within a connection: that connection is gone, the others go on.
    }
  }
  t_loop = nullptr;
}

void Loop::stop() noexcept { io_->stop(); }

bool Loop::here() const noexcept { return t_loop == this; }

template <class Add>
void Loop::give(Add add) {
  {
    const std::lock_guard lock(mutex_);
    add();
    if (woken_) return;
    woken_ = true;
  }
  asio::post(*io_, [this] { drain(); });
}

void Loop::post(std::function<void()> call) {
  give([&] { calls_.push_back(std::move(call)); });
}

void Loop::answered(std::shared_ptr<Connection> connection) noexcept {
  give([&] { answered_.push_back(std::move(connection)); });
}

void Loop::drain() {
  std::vector<std::function<void()>> calls;
  std::vector<std::shared_ptr<Connection>> connections;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(calls_);
    connections.swap(answered_);
    woken_ = false;
  }
  for (const auto& connection : connections) connection->answered();
  for (const auto& call : calls) {
    try {
      call();
    } catch (const std::exception&) {
      // No memory for that one; the others are not to suffer.
    }
  }
}

void Loop::join(Connection& connection) {
  connection.place_ = connections_.insert(connections_.end(), &connection);
  connection.placed_ = true;
}

void Loop::leave(Connection& connection) noexcept {
  if (!std::exchange(connection.placed_, false)) return;
  connections_.erase(connection.place_);
}

void Loop::forEach(const std::function<void(Connection&)>& call) {
  for (auto at = connections_.begin(); at != connections_.end();) call(**at++);
}

void Loop::sweepLater() {
  clockwork_->timer.expires_after(kSweep);
  clockwork_->timer.async_wait([this](const boost::system::error_code& failed) {
    if (failed) return;
    sweep();
    sweepLater();
  });
}

void Loop::sweep() {
  const auto now = std::chrono::steady_clock::now();
  forEach([&](Connection& connection) {
    if (connection.deadline() <= now) connection.expire();
  });
  if (std::exchange(crowded_, false))
    forEach([&](Connection& connection) { connection.hurry(now - kHurry); });
  if (!std::exchange(starved_, false) && base::SecretPool::instance().slabs() <= kSlabsPlenty) return;
  forEach([&](Connection& connection) { connection.shed(now - kHurry); });
}

base::SecretText& Loop::in() {
  if (in_.empty()) in_.resize(room_);
  return in_;
}

base::SecretText& Loop::out() {
  if (out_.capacity() == 0) out_.reserve(room_);
  return out_;
}

}  // namespace kmsd::http
