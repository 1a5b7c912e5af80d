// A server of the test's own: real kmsd, kmsd-media and kmsctl from the build directory, in a scratch
// directory.
#pragma once

#include <sys/types.h>

#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/run.h"
#include "tests/support/scratch.h"

namespace tests {

class Server {
 public:
  Server() = default;
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The directory in which *.img files are inserted disks, and places outside it (the "safe").
  std::filesystem::path drive() const { return scratch_ / "drive"; }
  std::filesystem::path safe() const { return scratch_ / "safe"; }
  std::filesystem::path data() const { return scratch_ / "data"; }
  std::filesystem::path socket() const { return scratch_ / "kms.sock"; }

  // What opening the server costs: as little as may be, or as much as what users have.
  enum class Scrypt : std::uint8_t { Least, Usual };
  // `kmsd setup` with the disk safe/key.img and the spare safe/spare.img.
  void setUp(Scrypt cost = Scrypt::Least);
  // From now on `kmsd` runs with this shell script in kmsd-media's place; see fakeChild in
  // tests/support/fake_child.h.
  void replaceReader(const std::string& script);
  // Puts safe/NAME into the drive, as a whole and at once; takes it out again.
  void insert(const std::string& name);
  void pull(const std::string& name);

  // `kmsd run` over the drive directory, with more options; returns when it answers on its socket.
  void start(const std::vector<std::string>& options = {});
  // The same with media URIs of the caller's.
  void startWith(const std::vector<std::string>& options);
  // SIGTERM (or another), then its exit code.
  int stop(int signal = 15);

  // Where the program is that the methods run.
  std::string program(const std::string& name) const;
  Ran kmsd(std::vector<std::string> arguments, const std::string& input = {}) const;
  Ran ctl(std::vector<std::string> arguments, const std::string& input = {}) const;
  // `kmsctl --json ...`, which must exit with 0 and print one JSON document.
  boost::json::value ctlJson(std::vector<std::string> arguments) const;

  // Waits until the status has this state and reason ("" while unsealed); fails the test after 30 s.
  void expectState(const std::string& state, const std::string& reason);
  boost::json::object status() const;

  pid_t pid() const noexcept { return pid_; }
  pid_t readerPid() const;  // of kmsd-media; 0 where there is none
  std::string log() const;  // all that kmsd wrote to stderr so far

 private:
  Scratch scratch_;
  std::filesystem::path programs_;  // where kmsd is, if not in the build directory
  pid_t pid_ = 0;
};

// Polls until `condition` holds or the time is up; gives what it held at the end.
template <class Condition>
bool waitUntil(Condition condition, std::chrono::seconds most = std::chrono::seconds(30));
bool waitTurn();  // a short poll on nothing, for waitUntil

template <class Condition>
bool waitUntil(Condition condition, std::chrono::seconds most) {
  const auto end = std::chrono::steady_clock::now() + most;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return condition();
    waitTurn();
  }
  return true;
}

}  // namespace tests
