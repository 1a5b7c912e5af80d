// Metrics: what the server counts, for Prometheus. Counting is an atomic addition or two, so that it may
// stand on the way of every request; the text is made when it is asked for. No label names a user, a medium
// or an accessor. Safe to use from several threads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kmsd {

// How often a value fell at or below each bound, and the sum of all values.
template <std::size_t N>
class Distribution {
 public:
  explicit constexpr Distribution(const std::array<std::uint64_t, N>& bounds) : bounds_(bounds) {}
  void add(std::uint64_t value) noexcept {
    std::size_t at = 0;
    while (at < N && value > bounds_[at]) ++at;
    counts_[at].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }
  const std::array<std::uint64_t, N>& bounds() const noexcept { return bounds_; }
  // Of the values between bound `at` and the one before it; `at` == N: above all bounds.
  std::uint64_t count(std::size_t at) const noexcept { return counts_[at].load(std::memory_order_relaxed); }
  std::uint64_t sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::array<std::uint64_t, N> bounds_;
  std::array<std::atomic<std::uint64_t>, N + 1> counts_{};
  std::atomic<std::uint64_t> sum_{0};
};

class Metrics {
 public:
  struct RouteName {
    std::string method;
    std::string path;
  };
  // What is looked at when the text is made: label value and value; one without a label.
  using Samples = std::vector<std::pair<std::string, double>>;
  using Read = std::function<Samples()>;

  // `routes`: in the order of the numbers that answered() is given. What fits no route is counted as "other".
  explicit Metrics(std::vector<RouteName> routes);
  ~Metrics();

  // REQUIRES: not while text() may run. `label` is empty where there is one sample without one.
  void addGauge(std::string name, std::string help, std::string label, Read read);
  // The same for what only rises; its name ends in "_total".
  void addCounter(std::string name, std::string help, std::string label, Read read);

  void answered(std::size_t route, int status, std::chrono::nanoseconds took) noexcept;
  void committed(std::size_t jobs, std::chrono::nanoseconds took) noexcept;
  enum class Kind : std::uint8_t { Access, Enrol, Recover };
  void tokensIssued(Kind kind, std::uint64_t count = 1) noexcept { add(issued_[std::size_t(kind)], count); }
  void tokenVerified(bool active) noexcept { add(verified_[active ? 1 : 0], 1); }
  void tokensRevoked(std::uint64_t count = 1) noexcept { add(revoked_, count); }

  // The text format 0.0.4 of Prometheus.
  std::string text() const;

  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  using Count = std::atomic<std::uint64_t>;
  static void add(Count& to, std::uint64_t count) noexcept { to.fetch_add(count, std::memory_order_relaxed); }
  struct Looked;
  struct Route;
  struct Writer;

  std::vector<std::unique_ptr<Route>> routes_;  // the last one is "other"
  std::vector<Looked> looked_;
  alignas(64) Count commits_{0};
  Distribution<6> commitJobs_;
  Distribution<6> commitTime_;
  alignas(64) std::array<Count, 3> issued_{};
  std::array<Count, 2> verified_{};
  Count revoked_{0};
};

}  // namespace kmsd
