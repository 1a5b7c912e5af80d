// The load: a closed loop of keep-alive connections in one thread, each sending its next request when its
// last one is answered.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "tests/bench/load_link.h"
#include "tests/bench/load_requests.h"

namespace tests::bench {

struct LoadPlan {
  Target target;
  unsigned connections = 1;
  bool reconnect = false;                     // a new connection for each request, and its time counted
  std::chrono::duration<double> warmUp{0.2};  // answers within it are checked, and not counted
  std::chrono::duration<double> time{3};
  std::uint64_t count = 0;  // requests after which it ends, warming up included; 0: only the time ends it
  unsigned status = 200;    // wanted
  std::string marker;       // wanted somewhere in the body
  const std::atomic<bool>* stop = nullptr;  // it ends when this is set
  std::string save;  // file to which the "token" of each answer is written, a line each; or empty
};

struct LoadResult {
  std::uint64_t requests = 0;  // answered rightly, in `seconds`
  std::uint64_t sent = 0;      // all of them, warming up included
  std::uint64_t errors = 0;    // wrong answers and broken connections, at any time
  double seconds = 0;
  double p50 = 0;  // microseconds from the first byte sent to the whole answer read
  double p99 = 0;
  double longest = 0;
  std::string firstError;
};

// Errors: the sentence to print, where it could not begin.
std::optional<std::string> runLoad(const LoadPlan& plan, Requests& requests, LoadResult& result);

}  // namespace tests::bench
