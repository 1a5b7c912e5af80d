// Pcscd: a genuine pcscd of the test's own, beside the machine's, in a private mount namespace. Its readers
// are vsmartcard-vpcd's: two, "Keydisk one" and "Keydisk two", of two slots each, on TCP ports of their own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace tests {

// One at a time in a process: PC/SC-lite takes its socket's path from the environment once.
class Pcscd {
 public:
  static constexpr unsigned kSlots = 4;

  // It does not run yet, but all programs that this one starts look for it, and for no other.
  Pcscd();
  ~Pcscd();
  Pcscd(const Pcscd&) = delete;
  Pcscd& operator=(const Pcscd&) = delete;

  void start();  // returns when its socket takes connections; fails the test after 30 s
  void stop();   // SIGTERM
  void kill();   // SIGKILL

  // REQUIRES: slot < kSlots.
  static std::string reader(unsigned slot);
  std::uint16_t port(unsigned slot) const { return static_cast<std::uint16_t>(port_ + slot); }
  std::string log() const;  // all that it wrote

 private:
  void end(int signal);

  const std::uint16_t port_;
  pid_t pid_ = 0;
};

}  // namespace tests
