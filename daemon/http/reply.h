// Reply: stands behind a Respond. Answers once, and answers "internal" where nobody else did. Inside
// daemon/http only.
#pragma once

#include <atomic>
#include <memory>

#include "daemon/http/core.h"
#include "daemon/http/problem.h"

namespace kmsd::http {

// `Session` has take(Response), which any thread may call.
template <class Session>
class Reply {
 public:
  Reply(std::shared_ptr<Core> core, std::shared_ptr<Session> session)
      : core_(std::move(core)), session_(std::move(session)) {}
  ~Reply() {
    if (!given_.load()) give(problem(500, "internal", "the request was dropped"));
  }
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  void give(Response response) {
    if (!given_.exchange(true)) session_->take(std::move(response));
  }

 private:
  std::shared_ptr<Core> core_;  // keeps the session's loop; so it goes last
  std::shared_ptr<Session> session_;
  std::atomic<bool> given_ = false;
};

}  // namespace kmsd::http
