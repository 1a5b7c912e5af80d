// A running server with an authority, and the programs of others that are its clients.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/server.h"

namespace tests {

class Pki : public ::testing::Test {
 protected:
  // Open, with alice and bob, on ports that the system chose: `http_` and `https_`.
  void SetUp() override;
  // More for `kmsd run`.
  virtual std::vector<std::string> options() const { return {}; }
  // Whether https shows the certificate that the server makes itself. Then all clients trust, for ever, the
  // authority that the server has at the start.
  virtual bool showsOwn() const { return false; }

  std::string file(const std::string& name) const { return (scratch_ / name).string(); }
  std::string read(const std::string& name) const;
  void write(const std::string& name, const std::string& text) const;
  bool has(const std::string& name) const;

  // Expects that it succeeds, and gives what it wrote to standard output.
  std::string openssl(std::vector<std::string> arguments, const std::string& input = {}) const;
  Ran tryOpenssl(std::vector<std::string> arguments) const;
  // The body; the status in `status`, where it is not null. With the certificate and key of `holder`, if any.
  std::string curl(const std::string& url, std::vector<std::string> more = {}, const std::string& holder = {},
                   std::string* status = nullptr) const;
  // `openssl cmp` over `http_`, as -cmd and so on.
  Ran cmp(std::vector<std::string> arguments) const;
  // What it takes to enrol `user` with this token: NAME.key and NAME.crt.
  std::vector<std::string> enrolment(const std::string& user, const std::string& token,
                                     const std::string& name) const;

  std::string token(const std::string& user, const std::string& kind = "enrol");
  // The same, into a file, for kmsctl.
  std::string tokenFile(const std::string& user, const std::string& kind = "enrol");
  // kmsctl over https.
  Ran overTls(std::vector<std::string> arguments) const;
  void newKey(const std::string& name) const;
  // NAME.req (DER) and NAME.b64 for NAME.key.
  void request(const std::string& name, const std::string& subject) const;
  // Enrols by CMP; NAME.key and NAME.crt.
  void enrol(const std::string& user, const std::string& name);
  std::string serialOf(const std::string& name) const;
  // "good" or "revoked", as `openssl ocsp` says it, whose answer must be well signed.
  std::string ocsp(const std::string& name) const;
  // Fetches CA and CRL, and verifies with them.
  Ran verify(const std::string& name) const;

  Scratch scratch_;
  Server server_;
  std::string http_;   // "127.0.0.1:PORT"
  std::string https_;  // "https://localhost:PORT"
};

}  // namespace tests
