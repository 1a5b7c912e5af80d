// Ledger: one client of a server under load. It asks for random changes, one after the other, and writes down
// what was acknowledged. Whatever happened to the server since, check() asks whether all of that holds.
#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "hal/base/result.h"

namespace tests {

// What a client can ask of a server, over whatever way. A result that is no error is an acknowledgement;
// after an error the change may have happened or not.
class Desk {
 public:
  struct Token {
    std::string text;
    std::string accessor;
    std::string expires;  // RFC 3339
  };
  struct Seen {
    bool active = false;
    std::string expires;
  };
  virtual ~Desk() = default;
  virtual base::Result<void> addUser(const std::string& name) = 0;
  virtual base::Result<bool> hasUser(const std::string& name) = 0;
  virtual base::Result<Token> issue(const std::string& user) = 0;
  virtual base::Result<std::string> renew(const std::string& token) = 0;  // when it expires now
  virtual base::Result<void> revoke(const std::string& token) = 0;
  virtual base::Result<void> revokeUser(const std::string& user) = 0;
  virtual base::Result<Seen> verify(const std::string& token) = 0;
};

class Ledger {
 public:
  // `name` begins the names of its users; no two ledgers share one.
  Ledger(std::string name, std::uint64_t seed) : name_(std::move(name)), random_(seed) {}

  // One random request. Error: it was not acknowledged.
  base::Result<void> step(Desk& desk);
  // Holds the server against what was acknowledged, and fails the test where it does not fit: all of the last
  // `recent` tokens, and as many older ones at random. What was left open is taken as it is found, and must
  // stay so.
  void check(Desk& desk, std::size_t recent = SIZE_MAX);

  struct Counts {
    std::size_t users = 0;
    std::size_t issued = 0;
    std::size_t renewed = 0;
    std::size_t revoked = 0;  // by the token or by its user
    std::size_t open = 0;     // not known: not acknowledged, and not looked at since
  };
  Counts counts() const;
  // Of all tokens acknowledged; fails the test where one was given before.
  void collectAccessors(std::set<std::string>& into) const;

 private:
  enum class State : std::uint8_t { Active, Revoked, Open };
  struct Entry {
    Desk::Token token;  // expires: the least that was acknowledged
    std::size_t user = 0;
    State state = State::Active;
  };

  base::Result<void> addUser(Desk& desk);
  base::Result<void> issue(Desk& desk);
  base::Result<void> renew(Desk& desk);
  base::Result<void> revoke(Desk& desk);
  base::Result<void> revokeUser(Desk& desk);
  void checkOne(Desk& desk, Entry& entry);
  Entry* someActive();
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

  std::string name_;
  std::mt19937_64 random_;
  std::size_t tried_ = 0;           // users asked for
  std::vector<std::string> users_;  // acknowledged
  std::vector<Entry> entries_;
  std::size_t renewed_ = 0;
};

}  // namespace tests
