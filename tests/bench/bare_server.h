// The ceiling: what a plain HTTP server on Boost.Beast, Boost.JSON and SQLite does on this machine, with
// durable inserts in group commits and the same point reads as kmsd, but no users, no access control, no
// sealing and no audit log.
#pragma once

#include <string>

namespace tests::bench {

struct BareOptions {
  std::string file;         // the database
  std::string socket;       // path
  unsigned short port = 0;  // of TLS on 127.0.0.1; 0: none
  std::string certificate;
  std::string key;
  unsigned threads = 2;
  bool shared = false;  // all threads run one io_context; else each has its own
};

// Serves until SIGTERM or SIGINT. Prints "ready" when it listens. Throws where it cannot.
void serveBare(const BareOptions& options);

}  // namespace tests::bench
