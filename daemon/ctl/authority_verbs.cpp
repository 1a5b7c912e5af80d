// The authority itself: shown, made, signed by another one, and given a new key.
#include <array>
#include <iostream>

#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "hal/base/file.h"

namespace kmsd::ctl {
namespace {

constexpr std::size_t kChainMost = 60 * 1024;  // bytes, what the server takes
constexpr mode_t kMode = 0644;

Exit printAuthority(const Parsed& parsed, const Document& authority) {
  if (parsed.has("json")) return printSecretLine(authority.json());
  const bool own = authority.text("subject") == authority.text("issuer");
  std::cout << formatFields({{"number", authority.text("number")},
                             {"subject", authority.text("subject")},
                             {"signed by", own ? "itself" : authority.text("issuer")},
                             {"sha256", authority.text("sha256")},
                             {"from", authority.text("not_before")},
                             {"until", authority.text("not_after")}});
  for (const Document& one : authority.list("older"))
    std::cout << formatFields({{"before it", one.text("number") + ", until " + one.text("not_after") +
                                                 ", sha256 " + one.text("sha256")}});
  for (const std::string& certificate : authority.texts("chain")) std::cout << certificate;
  return Exit::Yes;
}

Exit runShow(const Parsed& parsed) {
  return callThen(parsed, "GET", "/v1/ca", nullptr,
                  [&](const Answer& answer) { return printAuthority(parsed, answer.document); });
}

Exit runInit(const Parsed& parsed) {
  Body body;
  body.text("key", parsed.text("ca-key"));
  if (parsed.has("ca-name")) body.text("name", parsed.text("ca-name"));
  return callThen(parsed, "POST", "/v1/ca", &body,
                  [&](const Answer& answer) { return printAuthority(parsed, answer.document); });
}

Exit keepRequest(const Parsed& parsed, const Document& answer) {
  const std::string request = answer.text("request");
  if (parsed.has("out")) {
    auto kept = base::writeFileDurably(parsed.text("out"), base::asBytes(request), kMode);
    if (!kept) return fail(kept.error());
  }
  if (parsed.has("json")) return printSecretLine(answer.json());
  if (!parsed.has("out")) std::cout << request;
  std::cerr << "have it signed as an authority, then: kmsctl ca install CHAIN.pem\n";
  return Exit::Yes;
}

Exit runRequest(const Parsed& parsed) {
  const auto then = [&](const Answer& answer) { return keepRequest(parsed, answer.document); };
  if (parsed.has("show")) {
    if (parsed.has("replace")) return fail(Exit::Usage, "--show and --replace do not go together");
    return callThen(parsed, "GET", "/v1/ca/request", nullptr, then);
  }
  Body body;
  body.text("key", parsed.text("ca-key")).truth("replace", parsed.has("replace"));
  if (parsed.has("ca-name")) body.text("name", parsed.text("ca-name"));
  return callThen(parsed, "POST", "/v1/ca/request", &body, then);
}

Exit runInstall(const Parsed& parsed) {
  const auto chain = base::readSmallFile(parsed.arguments().front(), kChainMost);
  if (!chain) return fail(chain.error());
  Body body;
  body.text("chain", *chain);
  return callThen(parsed, "POST", "/v1/ca/install", &body,
                  [&](const Answer& answer) { return printAuthority(parsed, answer.document); });
}

Exit runRollover(const Parsed& parsed) {
  Body body;
  if (parsed.has("ca-key")) body.text("key", parsed.text("ca-key"));
  return callThen(parsed, "POST", "/v1/ca/rollover", &body,
                  [&](const Answer& answer) { return printAuthority(parsed, answer.document); });
}

constexpr std::string_view kKinds = "ecdsa-p256 ecdsa-p384 rsa-3072 rsa-4096 ed25519";
constexpr OptionSpec kKey{"ca-key", "KIND", "its key", "ecdsa-p256", false, false, false, kKinds};
constexpr OptionSpec kName{"ca-name", "NAME", "its common name; the server's default is keydisk CA"};
constexpr std::array kInitOptions = {kKey, kName};
constexpr std::array kRequestOptions = {
    kKey,
    kName,
    OptionSpec{"out", "F", "write the request to this file instead of stdout"},
    OptionSpec{"show", "", "make nothing: give the request of the key that waits again"},
    OptionSpec{"replace", "",
               "put a new key in the place of one that waits, for which no certificate can be "
               "installed any more"},
};
constexpr std::array kRolloverOptions = {
    OptionSpec{
        "ca-key", "KIND", "the new key; without it: of the same kind", {}, false, false, false, kKinds},
};
constexpr std::array kChain = {
    ArgumentSpec{"CHAIN.pem", "the authority's new certificate, and those above it up to the root"}};

constexpr std::array kVerbs = {
    VerbSpec{"ca show",
             "shows the certificate authority, and its certificate and those above it in PEM",
             {},
             {},
             "kmsctl ca show            # sha256 is what 'kmsctl enrol --ca-sha256' takes\n"
             "kmsctl --json ca show",
             runShow},
    VerbSpec{"ca init",
             "makes the certificate authority of a server that has none",
             {},
             kInitOptions,
             "kmsctl ca init                                        # ECDSA P-256\n"
             "kmsctl ca init --ca-key rsa-4096 --ca-name 'Acme CA' # takes some seconds",
             runInit},
    VerbSpec{"ca request",
             "makes a key for an authority under another one, and gives its request",
             {},
             kRequestOptions,
             "kmsctl ca request --ca-name 'Acme Users CA' --out ca.csr # PKCS#10, for the other authority\n"
             "kmsctl ca request --show                                 # the same again",
             runRequest},
    VerbSpec{"ca install",
             "takes the certificate that another authority made for that request",
             kChain,
             {},
             "kmsctl ca install chain.pem # the new certificate and all above it, in any order",
             runInstall},
    VerbSpec{"ca rollover",
             "gives an authority that signed itself a new key; the old one goes on",
             {},
             kRolloverOptions,
             "kmsctl ca rollover                     # certificates of the old key stay valid\n"
             "kmsctl ca rollover --ca-key ecdsa-p384",
             runRollover},
};

}  // namespace

std::span<const VerbSpec> authorityVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
