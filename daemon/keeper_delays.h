// How long a medium that was refused has to wait: 1, 2, 4 ... 30 s, by slot and by medium id. Forgotten after
// a quiet time. Used by one thread.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace kmsd {

// Who waits where the disk of the audit log failed: no medium, but each opening by the server itself.
inline constexpr const char* kAuditDisk = "the disk of the audit log";

class RefusalDelays {
 public:
  using Moment = std::chrono::steady_clock::time_point;

  RefusalDelays(std::chrono::milliseconds first, std::chrono::milliseconds most)
      : first_(first), most_(most) {}

  void refused(const std::string& who, Moment now);
  void forget(const std::string& who) { entries_.erase(who); }
  // No earlier than this; the distant past where nothing is known.
  Moment notBefore(const std::string& who) const;

 private:
  struct Entry {
    std::chrono::milliseconds next;
    Moment until;
  };
  void tidy(Moment now);

  const std::chrono::milliseconds first_;
  const std::chrono::milliseconds most_;
  std::map<std::string, Entry> entries_;
};

}  // namespace kmsd
