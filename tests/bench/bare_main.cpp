// bench_bare: the practical ceiling for kmsd on this machine. See bare_server.h.
#include <boost/program_options.hpp>
#include <cstdio>
#include <iostream>

#include "tests/bench/bare_server.h"
#include "tests/bench/bare_store.h"

namespace options = boost::program_options;

int main(int argc, char** argv) try {
  tests::bench::BareOptions bare;
  std::uint64_t fill = 0;
  std::string tokens;
  options::options_description all(
      "bench_bare --database FILE (--fill N --tokens FILE | --unix PATH [OPTION]...)");
  auto add = all.add_options();
  add("help", "this text");
  add("database", options::value(&bare.file)->required(), "the SQLite file");
  add("fill", options::value(&fill), "adds so many rows and ends");
  add("tokens", options::value(&tokens), "file for their tokens, one a line");
  add("unix", options::value(&bare.socket), "path of the socket");
  add("tls", options::value(&bare.port), "port on 127.0.0.1");
  add("tls-certificate", options::value(&bare.certificate), "PEM file");
  add("tls-key", options::value(&bare.key), "PEM file");
  add("threads", options::value(&bare.threads)->default_value(2), "that serve");
  add("shared", options::bool_switch(&bare.shared), "all threads run one io_context");
  options::variables_map given;
  options::store(options::parse_command_line(argc, argv, all), given);
  if (given.count("help") != 0) return std::cout << all, 0;
  options::notify(given);
  if (fill > 0) {
    tests::bench::fillBare(bare.file, fill, tokens);
  } else {
    tests::bench::serveBare(bare);
  }
  return 0;
} catch (const std::exception& thrown) {
  std::fprintf(stderr, "bench_bare: %s\n", thrown.what());
  return 2;
}
