#include "daemon/handshake_log.h"

#include <utility>

namespace kmsd {

void HandshakeLog::failed(const http::TlsFailure& failure, const std::string& from, Moment now) {
  std::uint64_t untold = 0;
  {
    const std::lock_guard lock(mutex_);
    Cause& cause = causes_[static_cast<std::size_t>(failure.fault)];
    ++cause.count;
    if (failure.fault == http::TlsFault::Closed) return;
    if (cause.told && now < *cause.told + kEvery) {
      ++cause.untold;
      return;
    }
    cause.told = now;
    untold = std::exchange(cause.untold, 0);
  }
  std::string line = "TLS with " + (from.empty() ? "a client" : from) +
                     " failed: " + std::string(http::rowOf(failure.fault).meaning);
  if (!failure.what.empty()) line += " (" + failure.what + ")";
  if (untold != 0) line += "; " + std::to_string(untold) + " more like this since the last such line";
  say_(line);
}

Metrics::Samples HandshakeLog::samples() const {
  Metrics::Samples out;
  const std::lock_guard lock(mutex_);
  for (const http::TlsFaultRow& row : http::kTlsFaults)
    if (row.fault != http::TlsFault::None)
      out.emplace_back(row.name, static_cast<double>(causes_[static_cast<std::size_t>(row.fault)].count));
  return out;
}

}  // namespace kmsd
