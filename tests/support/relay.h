// A relay between an HTTP client and a server, so that a test can do something between an answer and its
// arrival. Each connection has a thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace tests {

class Relay {
 public:
  // Called with the line of the request when its answer has come, before it is passed on; false: the answer
  // is lost, and the connection with it. From the threads of the connections.
  using Answered = std::function<bool(const std::string& line)>;

  // To "127.0.0.1:PORT" from a port that the system chooses.
  static std::unique_ptr<Relay> ofPort(const std::string& to, Answered answered);
  // From one Unix socket to another.
  static std::unique_ptr<Relay> ofSocket(const std::string& from, const std::string& to, Answered answered);
  // Ends all connections.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // "127.0.0.1:PORT", or the path.
  const std::string& address() const noexcept { return address_; }

 private:
  struct Impl;
  explicit Relay(std::unique_ptr<Impl> impl, std::string address);
  std::unique_ptr<Impl> impl_;
  std::string address_;
};

}  // namespace tests
