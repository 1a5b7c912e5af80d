// A client that stops in the TLS handshake once the server has answered its first words.
#pragma once

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <csignal>
#include <memory>
#include <string>
#include <string_view>

#include "tests/unit/http/wire.h"

namespace tests {

class Halfway {
 public:
  Halfway(std::uint16_t port, const std::string& certificate, const std::string& key)
      : wire_(port), context_(SSL_CTX_new(TLS_client_method())) {
    if (!certificate.empty()) {
      SSL_CTX_use_certificate_file(context_.get(), certificate.c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_.reset(SSL_new(context_.get()));
    // It cannot see what comes back yet.
    SSL_set0_rbio(ssl_.get(), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
    SSL_set0_wbio(ssl_.get(), BIO_new_socket(wire_.fd(), BIO_NOCLOSE));
    std::signal(SIGPIPE, SIG_IGN);  // the server may have ended the handshake before we go on with it
    EXPECT_EQ(SSL_connect(ssl_.get()), -1);
    pollfd answered{wire_.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&answered, 1, 20'000), 1);
    SSL_set_fd(ssl_.get(), wire_.fd());
  }

  // The rest of the handshake, a request, and the last line of its answer; empty where the server ends it.
  std::string goOn() {
    constexpr std::string_view kRequest =
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    std::string out;
    if (SSL_connect(ssl_.get()) != 1 || SSL_write(ssl_.get(), kRequest.data(), kRequest.size()) <= 0)
      return out;
    char some[4096];
    for (int got = 0; (got = SSL_read(ssl_.get(), some, sizeof some)) > 0;)
      out.append(some, static_cast<std::size_t>(got));
    return out.substr(out.rfind('\n') + 1);
  }

 private:
  struct Free {
    void operator()(SSL_CTX* it) const { SSL_CTX_free(it); }
    void operator()(SSL* it) const { SSL_free(it); }
  };

  Wire wire_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace tests
