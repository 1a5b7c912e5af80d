// Loop: one thread of the server, with the connections that live on it. Inside daemon/http only.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "hal/base/secret_pool.h"

namespace boost::asio {
class io_context;
}

namespace kmsd::http {

class Loop;

// What lives on a loop. All but `loop` is for the loop's thread alone.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  explicit Connection(Loop& loop) noexcept : loop_(loop) {}
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Ends it as soon as the request under way is answered.
  virtual void finish() = 0;
  // The certificates were replaced.
  virtual void tlsChanged() = 0;
  // What Loop::answered() was called for.
  virtual void answered() = 0;
  // Its deadline has passed.
  virtual void expire() = 0;
  // Locked memory is short: ends it where it has been sending its request, or taking its answer, since before
  // `since`.
  virtual void shed(Moment since) = 0;
  // Others wait to shake hands: ends it where it has been doing so since before `since`.
  virtual void hurry(Moment since) = 0;

  Moment deadline() const noexcept { return deadline_; }

 protected:
  Loop& loop() noexcept { return loop_; }
  void expiresAt(Moment when) noexcept { deadline_ = when; }
  void expiresAfter(const std::chrono::seconds& span) { deadline_ = std::chrono::steady_clock::now() + span; }
  void expiresNever() noexcept { deadline_ = Moment::max(); }

 private:
  friend class Loop;
  Loop& loop_;
  Moment deadline_ = Moment::max();
  std::list<Connection*>::iterator place_{};
  bool placed_ = false;
};

class Loop {
 public:
  static constexpr std::chrono::milliseconds kSweep{250};  // how late a deadline may be noticed

  // `room`: bytes of each buffer.
  explicit Loop(std::size_t room);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  boost::asio::io_context& io() noexcept { return *io_; }
  // Serves until stop().
  void run();
  // Any thread.
  void stop() noexcept;
  bool here() const noexcept;  // whether this is its thread

  // Any thread. What is given close together costs one wake-up.
  void post(std::function<void()> call);
  void answered(std::shared_ptr<Connection> connection) noexcept;

  // On its thread. What joined is swept and told of the end until it leaves.
  void join(Connection& connection);
  void leave(Connection& connection) noexcept;
  void forEach(const std::function<void(Connection&)>& call);

  // No more memory could be locked. The next sweep makes room.
  void starved() noexcept { starved_ = true; }

  // A handshake costs memory (OpenSSL takes 150 KB on the word of a stranger's first bytes) before anybody
  // has shown anything. So few shake hands at a time, each for as long as its Handshake lives.
  static constexpr std::size_t kHandshakesMost = 128;
  class Handshake {
   public:
    explicit Handshake(Loop& loop) noexcept : loop_(loop) { ++loop_.handshakes_; }
    ~Handshake() { --loop_.handshakes_; }
    Handshake(const Handshake&) = delete;
    Handshake& operator=(const Handshake&) = delete;

   private:
    Loop& loop_;
  };
  // False where one more has to wait; then the slow ones are hurried.
  bool mayShakeHands() noexcept {
    crowded_ = handshakes_ >= kHandshakesMost;
    return !crowded_;
  }

  // Locked memory that whoever runs on this thread uses until it waits. Throws std::bad_alloc.
  base::SecretText& in();
  base::SecretText& out();
  std::size_t room() const noexcept { return room_; }

 private:
  struct Clockwork;

  template <class Add>
  void give(Add add);
  void drain();
  void sweep();
  void sweepLater();

  const std::size_t room_;
  base::SecretText in_;
  base::SecretText out_;
  std::list<Connection*> connections_;
  bool starved_ = false;
  std::size_t handshakes_ = 0;
  bool crowded_ = false;

  std::mutex mutex_;
  std::vector<std::function<void()>> calls_;
  std::vector<std::shared_ptr<Connection>> answered_;
  bool woken_ = false;

  // Destroyed first: with it go the connections, which leave.
  std::unique_ptr<boost::asio::io_context> io_;
  std::unique_ptr<Clockwork> clockwork_;
};

}  // namespace kmsd::http
