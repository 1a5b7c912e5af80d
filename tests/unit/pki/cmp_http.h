// An HTTP server of a few lines (RFC 6712): POSTs in, what a handler says out. A thread a connection.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/fd.h"

namespace tests {

struct HttpAnswer {
  int status = 200;
  base::Bytes body;
};

class CmpHttp {
 public:
  explicit CmpHttp(std::function<HttpAnswer(base::BytesView)> handler);
  ~CmpHttp();  // ends all connections
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void accept();
  void serve(int connection);

  std::function<HttpAnswer(base::BytesView)> handler_;
  base::Fd listener_;
  unsigned port_ = 0;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace tests
