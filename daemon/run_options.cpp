#include "daemon/run_options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "daemon/credentials.h"
#include "daemon/data_dir.h"
#include "daemon/driver_dir.h"
#include "daemon/host_port.h"
#include "daemon/media_port.h"
#include "daemon/server_names.h"

namespace kmsd {
namespace {

using http::Transport;

constexpr const char* kPinCredential = "kms-pin";  // as the unit names it

base::Error invalid(std::string what) { return {base::Code::Invalid, std::move(what)}; }

base::Result<Listen> parseUnix(std::string_view path) {
  constexpr std::size_t kLongest = 107;  // bytes, of sun_path
  if (path.empty() || path.size() > kLongest || path.find('\0') != std::string_view::npos)
    return invalid("--listen unix:PATH needs a path of 1 to 107 bytes");
  Listen listen;
  listen.path = path;
  return listen;
}

base::Result<void> parseTls(const Parsed& parsed, RunOptions& options) {
  options.tls = {parsed.text("tls-certificate"), parsed.text("tls-key"), parsed.text("tls-client-ca")};
  options.tlsNames = parsed.texts("tls-name");
  if (!options.overTls()) {
    for (const char* name : {"tls-certificate", "tls-key", "tls-client-ca", "tls-name"})
      if (parsed.has(name))
        return invalid("--" + std::string(name) +
                       " is for https, and no --listen https://HOST:PORT is given; add one, or leave it out");
  }
  if (options.tls.certificate.empty() != options.tls.key.empty())
    return invalid(
        "--tls-certificate FILE and --tls-key FILE go together: a PEM file with a certificate for the host "
        "of --listen and its chain, and one with its private key; without both, https shows a certificate "
        "of this server's own authority");
  if (!options.tls.certificate.empty() && !options.tlsNames.empty())
    return invalid(
        "--tls-name is for the certificate that this server makes itself; leave out --tls-certificate");
  for (const std::string& name : options.tlsNames)
    if (!isServerName(name)) return invalid("--tls-name takes a DNS name or an address, not '" + name + "'");
  return {};
}

bool isWebAddress(std::string_view text) {
  constexpr std::size_t kMost = 512;  // bytes; it stands in each certificate
  const bool http = text.starts_with("http://") && text.size() > 7;
  const bool https = text.starts_with("https://") && text.size() > 8;
  return (http || https) && text.size() <= kMost &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7F'; });
}

base::Result<void> parseAddresses(const Parsed& parsed, RunOptions& options) {
  options.addresses.crl = parsed.texts("crl-url");
  options.addresses.ocsp = parsed.text("ocsp-url");
  options.addresses.authority = parsed.text("ca-url");
  std::vector<std::string> all = options.addresses.crl;
  for (const std::string* one : {&options.addresses.ocsp, &options.addresses.authority})
    if (!one->empty()) all.push_back(*one);
  for (const std::string& one : all)
    if (!isWebAddress(one))
      return invalid("--crl-url, --ocsp-url and --ca-url take an http:// or https:// address, not '" + one +
                     "'");
  return {};
}

base::Result<void> parseCertificates(const Parsed& parsed, RunOptions& options) {
  kms::pki::PkiPolicy& policy = options.certificates;
  const auto life = parseSpan(parsed.text("certificate-life"));
  if (!life) return invalid("--certificate-life: " + life.error().what);
  policy.life = *life;
  const auto from = parseSpan(parsed.text("renew-from"), true);
  if (!from) return invalid("--renew-from: " + from.error().what);
  if (*from >= *life) return invalid("--renew-from must be shorter than --certificate-life");
  policy.renewFrom = *from;
  const auto key = kms::pki::parseKeyKind(parsed.text("encryption-key"));
  if (!key || *key == kms::pki::KeyKind::Ed25519)
    return invalid(
        "--encryption-key takes rsa-2048, rsa-3072, rsa-4096, ecdsa-p256 or ecdsa-p384: a key that can be "
        "encrypted for");
  policy.encryptionKey = *key;
  return parseAddresses(parsed, options);
}

base::Result<void> parseApprovals(const Parsed& parsed, RunOptions& options) {
  constexpr unsigned kMost = 16;
  const std::string& text = parsed.text("recovery-approvals");
  unsigned wanted = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), wanted);
  if (failed != std::errc() || end != text.data() + text.size() || wanted > kMost)
    return invalid("--recovery-approvals takes a number from 0 to " + std::to_string(kMost) + ", not '" +
                   text + "'");
  options.policy.recoveryApprovals = wanted;
  return {};
}

}  // namespace

std::string Listen::text() const {
  if (transport == Transport::Unix) return "unix:" + path.string();
  const bool bracketed = host.find(':') != std::string::npos;
  return (transport == Transport::Https ? "https://" : "http://") + (bracketed ? "[" + host + "]" : host) +
         ":" + std::to_string(port);
}

bool RunOptions::ownTls() const noexcept { return overTls() && tls.certificate.empty(); }

bool RunOptions::overTls() const noexcept {
  return std::ranges::any_of(listen, [](const Listen& at) { return at.transport == Transport::Https; });
}

base::Result<Listen> parseListen(std::string_view address) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::string_view kHttps = "https://";
  constexpr std::string_view kHttp = "http://";
  if (address.starts_with(kUnix)) return parseUnix(address.substr(kUnix.size()));
  Listen listen;
  listen.transport = address.starts_with(kHttps) ? Transport::Https : Transport::Http;
  const bool tcp = listen.transport == Transport::Https || address.starts_with(kHttp);
  const std::string_view scheme = listen.transport == Transport::Https ? kHttps : kHttp;
  const auto at = tcp ? parseHostPort(address.substr(scheme.size())) : std::nullopt;
  if (!at)
    return invalid("--listen takes unix:PATH, https://HOST:PORT or http://HOST:PORT, not '" +
                   std::string(address) + "'; an IPv6 address stands in brackets, such as [::1]");
  listen.host = at->host;
  listen.port = at->port;
  return listen;
}

base::Result<Listen> parseLoopback(std::string_view address) {
  const auto at = parseHostPort(address);
  const auto loopback = [&] {
    in_addr v4{};
    if (::inet_pton(AF_INET, at->host.c_str(), &v4) == 1) return (::ntohl(v4.s_addr) >> 24U) == 127;
    in6_addr v6{};
    return ::inet_pton(AF_INET6, at->host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
  };
  if (at && loopback()) return Listen{http::Transport::Http, {}, at->host, at->port};
  return invalid(
      "--metrics-http takes an address of this host's loopback interface, such as 127.0.0.1:9464 or "
      "[::1]:9464, not '" +
      std::string(address) + "'");
}

base::Result<void> parseOnRemoval(std::string_view text, RunOptions& options) {
  constexpr std::string_view kGrace = "grace:";
  if (text == "keep") {
    options.onRemoval = OnRemoval::Keep;
  } else if (text == "seal") {
    options.onRemoval = OnRemoval::Seal;
  } else if (text.starts_with(kGrace)) {
    auto span = parseSpan(text.substr(kGrace.size()));
    if (!span) return invalid("--on-removal " + std::string(text) + ": " + span.error().what);
    options.onRemoval = OnRemoval::Grace;
    options.grace = *span;
  } else {
    return invalid("--on-removal takes keep, seal or grace:SECONDSs, not '" + std::string(text) + "'");
  }
  return {};
}

base::Result<RunOptions> runOptions(const Parsed& parsed) {
  RunOptions options;
  options.root = parsed.text("data-dir");
  options.pinFile = parsed.has("pin-file") ? std::filesystem::path(parsed.text("pin-file"))
                                           : credentialFile(kPinCredential);
  if (options.pinFile == "-")
    return invalid("--pin-file takes a file; a server has no standard input to read");
  options.driverDir = driverDirOf(parsed);
  options.acceptOlder = parsed.has("accept-older");
  options.mediumEpoch = parsed.has("medium-epoch");
  options.unmove = parsed.has("unmove");
  options.publishDir = parsed.text("publish-dir");
  for (std::string& uri : parsed.texts("medium")) {
    if (uri == kPromptUri) {
      options.prompt = true;
    } else {
      options.media.push_back(std::move(uri));
    }
  }
  for (const std::string& address : parsed.texts("listen")) {
    auto listen = parseListen(address);
    if (!listen) return std::move(listen).error();
    options.listen.push_back(*std::move(listen));
  }
  if (parsed.has("metrics-http")) {
    auto metrics = parseLoopback(parsed.text("metrics-http"));
    if (!metrics) return std::move(metrics).error();
    options.metrics = *std::move(metrics);
  }
  if (auto tls = parseTls(parsed, options); !tls) return std::move(tls).error();
  if (auto made = parseCertificates(parsed, options); !made) return std::move(made).error();
  if (auto approvals = parseApprovals(parsed, options); !approvals) return std::move(approvals).error();
  if (auto policy = parseOnRemoval(parsed.text("on-removal"), options); !policy)
    return std::move(policy).error();
  return options;
}

namespace {

constexpr std::array kOptions = {
    OptionSpec{"data-dir", "DIR", "the server's data directory", kDefaultDataDir},
    OptionSpec{
        "medium", "URI",
        "where the key medium will be, tried in turn; without it: the disk in drive A:, or any USB stick", "",
        true},
    kDriverDirOption,
    OptionSpec{"listen", "ADDRESS",
               "serve on unix:PATH, on https://HOST:PORT, or, what is public, on http://HOST:PORT",
               "unix:/run/kms/kms.sock", true},
    OptionSpec{"tls-certificate", "FILE",
               "PEM: the certificate that https shows, then its chain; read anew on SIGHUP; without it the "
               "server makes and renews one of its own authority, and refuses https while it is sealed"},
    OptionSpec{"tls-key", "FILE", "PEM: its private key, which nobody else may read; read anew on SIGHUP"},
    OptionSpec{"tls-name", "NAME",
               "one more DNS name or address of the certificate that the server makes itself, beside the "
               "hosts of --listen and this host's name",
               "", true},
    OptionSpec{"tls-client-ca", "FILE",
               "PEM: the authorities whose client certificates count, each as the user that its common "
               "name says; with CRLs, these are checked; read anew on SIGHUP"},
    OptionSpec{"metrics-http", "ADDRESS",
               "serve /metrics in clear and to anybody on this loopback address, such as 127.0.0.1:9464"},
    OptionSpec{"pin-file", "FILE",
               "the PIN of smartcards, one line, mode 0600; without it systemd's credential kms-pin, or "
               "the PIN is typed at kmsctl unseal"},
    OptionSpec{"on-removal", "POLICY",
               "when the medium that opened is pulled: stay open (keep), seal, or seal after a time, such "
               "as grace:30s",
               "keep", false, false, false, "keep seal grace:"},
    OptionSpec{"certificate-life", "SPAN", "how long users' certificates are valid", "548d"},
    OptionSpec{"renew-from", "SPAN", "how old a certificate must be before its holder may renew it", "0"},
    OptionSpec{"encryption-key", "KIND", "what keys are made for the encryption certificates of users",
               "rsa-3072", false, false, false, "rsa-2048 rsa-3072 rsa-4096 ecdsa-p256 ecdsa-p384"},
    OptionSpec{"accept-older", "",
               "open the older state of a backup: what was revoked since counts again, and every pending "
               "one-time token is made void",
               "", false, false, true},
    OptionSpec{
        "medium-epoch", "",
        "note on the key medium, at each unsealing, which state was seen: with it an older copy of the "
        "data is refused as an older backup is",
        "", false, false, true},
    OptionSpec{"unmove", "",
               "start although a final backup marked this server as moved: only where that backup was not "
               "restored",
               "", false, false, true},
    OptionSpec{"recovery-approvals", "N",
               "how many different administrators, the asker one of them, must agree to a recover token, or "
               "to a new key of the authority; 0 and 1: the asker is enough",
               "0"},
    OptionSpec{"publish-dir", "DIR",
               "a directory, for a web server beside this one, that gets ca.crt, ca.pem, crl.der, crl.pem "
               "and delta-crl.der whenever there are new ones"},
    OptionSpec{"crl-url", "URL",
               "where others find the CRL, such as http://HOST/crl/{ca}.der; it stands in certificates, "
               "with the number of their authority for {ca}",
               "", true},
    OptionSpec{"ocsp-url", "URL",
               "where others ask by OCSP, such as http://HOST/ocsp; it stands in certificates"},
    OptionSpec{"ca-url", "URL",
               "where others find the authority's certificate, such as http://HOST/ca/{ca}.crt; it stands "
               "in certificates, with the number of their authority for {ca}"},
};

}  // namespace

std::span<const OptionSpec> runOptionSpecs() noexcept { return kOptions; }

}  // namespace kmsd
