#include <array>

#include "daemon/ctl/verbs.h"

namespace kmsd::ctl {

std::span<const OptionSpec> globalOptions() noexcept {
  static constexpr std::array kOptions = {
      OptionSpec{"server", "ADDRESS", "the server: unix:PATH or https://HOST:PORT", "unix:/run/kms/kms.sock"},
      OptionSpec{"ca", "F",
                 "PEM: the authorities that may vouch for a server on https; without it: this system's"},
      OptionSpec{"certificate", "F",
                 "PEM: the client certificate to show, then its chain; on a Unix socket its key is proved"},
      OptionSpec{"key", "F", "PEM: the private key of that certificate"},
      OptionSpec{"token-file", "F",
                 "act as the bearer of the access token in this file; - reads it from stdin"},
      OptionSpec{"json", "", "print one JSON document and nothing else on stdout"},
      OptionSpec{"timeout", "SPAN", "give up, with exit code 7, when no answer has come after this", "90s"},
  };
  return kOptions;
}

std::span<const VerbSpec> allVerbs() {
  static const std::vector<VerbSpec> kVerbs = [] {
    std::vector<VerbSpec> all;
    for (const auto verbs :
         {serverVerbs(), backupVerbs(), userVerbs(), userMoveVerbs(), tokenVerbs(), approvalVerbs(),
          enrolVerbs(), renewVerbs(), certificateVerbs(), authorityVerbs(), auditVerbs()}) {
      all.insert(all.end(), verbs.begin(), verbs.end());
    }
    return all;
  }();
  return kVerbs;
}

ProgramSpec program() {
  return {"kmsctl", "asks a running key management server", globalOptions(), allVerbs()};
}

}  // namespace kmsd::ctl
