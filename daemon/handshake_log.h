// HandshakeLog: TLS handshakes that failed, counted by their cause and told in the log: of each cause a line
// now and then, because anybody can make them fail. Safe to use from several threads.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/http/tls_fault.h"
#include "daemon/metrics.h"

namespace kmsd {

class HandshakeLog {
 public:
  static constexpr std::chrono::seconds kEvery{10};  // a line of each cause at most
  using Moment = std::chrono::steady_clock::time_point;

  // `say`: a line for the log.
  explicit HandshakeLog(std::function<void(const std::string&)> say) : say_(std::move(say)) {}

  // `from`: the address of the client. One that closed the connection is counted only: so does whoever looks
  // whether the port is open.
  void failed(const http::TlsFailure& failure, const std::string& from,
              Moment now = std::chrono::steady_clock::now());
  // For a metric with the label "reason".
  Metrics::Samples samples() const;

 private:
  struct Cause {
    std::uint64_t count = 0;
    std::uint64_t untold = 0;
    std::optional<Moment> told;
  };

  const std::function<void(const std::string&)> say_;
  mutable std::mutex mutex_;
  std::array<Cause, http::kTlsFaults.size()> causes_{};
};

}  // namespace kmsd
