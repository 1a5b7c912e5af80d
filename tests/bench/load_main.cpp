// bench_load: puts a server under load and prints what it did.
#include <signal.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "tests/bench/load_run.h"

namespace {

namespace options = boost::program_options;
using namespace tests::bench;

struct Call {
  std::string target;
  std::string draw = "uniform";
  std::string bearerFile;
  std::string tokens;
  double seconds = 3;
  double warmUp = 0.2;
  RequestPlan requests;
  LoadPlan load;
};

options::options_description described(Call& call) {
  options::options_description all("bench_load --target ADDRESS [OPTION]...");
  auto add = all.add_options();
  add("help", "this text");
  add("json", "print one JSON object");
  add("target", options::value(&call.target)->required(), "unix:PATH, http://IPV4:PORT or https://IPV4:PORT");
  add("connections", options::value(&call.load.connections)->default_value(1), "keep-alive connections");
  add("reconnect", options::bool_switch(&call.load.reconnect), "a new connection for each request instead");
  add("seconds", options::value(&call.seconds)->default_value(3), "how long it counts");
  add("warm-up", options::value(&call.warmUp)->default_value(0.2), "seconds before, not counted");
  add("count", options::value(&call.load.count)->default_value(0),
      "requests after which it ends; 0: no limit");
  add("method", options::value(&call.requests.method)->default_value("POST"), "of the request");
  add("path", options::value(&call.requests.path)->default_value("/v1/tokens/verify"), "of the request");
  add("body", options::value(&call.requests.body), "of the request; with --lines, {line} is one of them");
  add("content-type", options::value(&call.requests.contentType)->default_value("application/json"),
      "of the body");
  add("hex", options::bool_switch(&call.requests.hex), "body and lines are hexadecimal digits");
  add("lines", options::value(&call.requests.lines), "file of words for {line} in the path or the body");
  add("tokens", options::value(&call.tokens), "the same as --lines, with the body {\"token\":\"{line}\"}");
  add("draw", options::value(&call.draw)->default_value("uniform"), "uniform, hot or once");
  add("hot", options::value(&call.requests.hot)->default_value(100000), "lines that --draw hot draws from");
  add("first", options::value(&call.requests.first)->default_value(0), "line at which --draw once begins");
  add("bearer-file", options::value(&call.bearerFile), "file with the token for the Authorization header");
  add("status", options::value(&call.load.status)->default_value(200), "the status wanted");
  add("marker", options::value(&call.load.marker)->default_value(""), "text wanted in each answer's body");
  add("save", options::value(&call.load.save), "file to which each answer's token is added");
  return all;
}

// The sentence to print, where something is wrong.
std::optional<std::string> finish(Call& call) {
  const auto target = parseTarget(call.target);
  if (!target) return "--target takes unix:PATH, http://IPV4:PORT or https://IPV4:PORT";
  call.load.target = *target;
  call.load.time = std::chrono::duration<double>(call.seconds);
  call.load.warmUp = std::chrono::duration<double>(call.warmUp);
  if (call.load.connections == 0) return "--connections must be at least 1";
  if (!call.tokens.empty()) {
    call.requests.lines = call.tokens;
    call.requests.body = "{\"token\":\"{line}\"}";
  }
  if (call.draw == "hot") {
    call.requests.draw = Draw::Hot;
  } else if (call.draw == "once") {
    call.requests.draw = Draw::Once;
  } else if (call.draw != "uniform") {
    return "--draw takes uniform, hot or once";
  }
  if (call.bearerFile.empty()) return std::nullopt;
  std::ifstream in(call.bearerFile);
  if (!(in >> call.requests.bearer)) return "cannot read " + call.bearerFile;
  return std::nullopt;
}

void print(const LoadResult& result, bool json) {
  const double rate = result.seconds > 0 ? static_cast<double>(result.requests) / result.seconds : 0;
  std::printf(json
                  ? "{\"rate\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"longest\": %.1f, \"requests\": %llu, "
                    "\"sent\": %llu, \"errors\": %llu}\n"
                  : "%.0f requests/s, p50 %.0f us, p99 %.0f us, longest %.0f us, %llu requests of %llu sent, "
                    "%llu errors\n",
              rate, result.p50, result.p99, result.longest, static_cast<unsigned long long>(result.requests),
              static_cast<unsigned long long>(result.sent), static_cast<unsigned long long>(result.errors));
  if (result.errors > 0) std::fprintf(stderr, "bench_load: %s\n", result.firstError.c_str());
}

std::atomic<bool> stopped = false;

int fail(const std::string& why) {
  std::fprintf(stderr, "bench_load: %s\n", why.c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) try {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGTERM, [](int) { stopped = true; });  // ends the measurement, which is printed
  Call call;
  const auto all = described(call);
  options::variables_map given;
  options::store(options::parse_command_line(argc, argv, all), given);
  if (given.count("help") != 0) return std::cout << all, 0;
  options::notify(given);
  if (auto wrong = finish(call)) return fail(*wrong);
  std::unique_ptr<Requests> requests;
  if (auto wrong = Requests::make(call.requests, requests)) return fail(*wrong);
  call.load.stop = &stopped;
  LoadResult result;
  if (auto wrong = runLoad(call.load, *requests, result)) return fail(*wrong);
  print(result, given.count("json") != 0);
  return result.errors == 0 && result.requests > 0 ? 0 : 1;
} catch (const std::exception& thrown) {
  return fail(thrown.what());
}
