// What `kmsd run` was told, checked and in its types.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "daemon/cli.h"
#include "daemon/http/message.h"
#include "daemon/http/tls.h"
#include "daemon/keeper.h"
#include "kms/pki/certificate_service.h"

namespace kmsd {

// Where the server listens.
struct Listen {
  http::Transport transport = http::Transport::Unix;
  std::filesystem::path path;  // of a Unix socket
  std::string host;            // else: a name or an address, without brackets
  std::uint16_t port = 0;      // 0: the system chooses

  std::string text() const;  // as it is given
  bool operator==(const Listen&) const = default;
};

struct RunOptions {
  std::filesystem::path root;
  std::vector<std::string> media;  // medium URIs; none: each driver's usual one
  bool prompt = false;             // the key is typed at the start
  std::vector<Listen> listen;
  http::TlsFiles tls;
  std::vector<std::string> tlsNames;  // more names of this server's own TLS certificate
  std::optional<Listen> metrics;      // where /metrics is served in clear; a loopback address
  OnRemoval onRemoval = OnRemoval::Keep;
  std::chrono::seconds grace{30};
  kms::Policy policy;
  kms::pki::PkiPolicy certificates;
  kms::pki::Addresses addresses;     // that certificates name
  std::filesystem::path publishDir;  // for a web server beside; empty: none
  std::filesystem::path driverDir;   // as ReaderOptions
  std::filesystem::path pinFile;     // of smartcards; empty: the credential kms-pin, or typed

  bool acceptOlder = false;  // the state of a backup that is not final
  bool mediumEpoch = false;  // the state seen last is noted on media
  bool unmove = false;       // a server that is marked as moved

  bool overTls() const noexcept;  // listens on https somewhere
  bool ownTls() const noexcept;   // the same, with a certificate of its own making
};

// The table of `kmsd run`.
std::span<const OptionSpec> runOptionSpecs() noexcept;

// Errors: Invalid.
base::Result<RunOptions> runOptions(const Parsed& parsed);

// "unix:PATH", "https://HOST:PORT" or "http://HOST:PORT", an IPv6 address in brackets. Errors: Invalid.
base::Result<Listen> parseListen(std::string_view address);
// "ADDRESS:PORT" of this host's loopback interface: 127.x.x.x or [::1]. Errors: Invalid.
base::Result<Listen> parseLoopback(std::string_view address);
// "keep", "seal" or "grace:SPAN", into `options`. Errors: Invalid.
base::Result<void> parseOnRemoval(std::string_view text, RunOptions& options);

}  // namespace kmsd
