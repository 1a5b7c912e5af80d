// RoughClient: asks for everything, wrongly too, and comes and goes. What it gets is held against what is
// allowed.
#pragma once

#include <filesystem>
#include <random>

#include "tests/integration/durability/http_desk.h"

namespace tests {

class RoughClient {
 public:
  RoughClient(const std::filesystem::path& socket, std::uint64_t seed)
      : socket_(socket), random_(seed), desk_(socket) {}

  // One request, or several, or a broken one, or only a connection. Fails the test on an answer that is not
  // expected.
  void step();
  std::size_t connections() const { return connections_; }

 private:
  void look();     // reads what can be read
  void mistake();  // sound HTTP, and wrong
  void noise();    // not sound
  void expect(const std::string& method, const std::string& path, int status,
              const boost::json::object& body = {}, const std::map<std::string, std::string>& query = {});

  std::filesystem::path socket_;
  std::mt19937_64 random_;
  HttpDesk desk_;
  std::size_t connections_ = 0;
};

}  // namespace tests
