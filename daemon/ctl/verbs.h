// The verbs of kmsctl: server_verbs.cpp, backup_verb.cpp, user_verbs.cpp, user_move_verbs.cpp,
// token_verbs.cpp, audit_verbs.cpp, certificate_verbs.cpp, enrol_verb.cpp, renew_verb.cpp,
// approval_verbs.cpp, authority_verbs.cpp.
#pragma once

#include <span>

#include "daemon/cli.h"

namespace kmsd::ctl {

std::span<const VerbSpec> serverVerbs() noexcept;
std::span<const VerbSpec> backupVerbs() noexcept;
std::span<const VerbSpec> userVerbs() noexcept;
std::span<const VerbSpec> userMoveVerbs() noexcept;
std::span<const VerbSpec> tokenVerbs() noexcept;
std::span<const VerbSpec> auditVerbs() noexcept;
std::span<const VerbSpec> certificateVerbs() noexcept;
std::span<const VerbSpec> authorityVerbs() noexcept;
std::span<const VerbSpec> enrolVerbs() noexcept;
std::span<const VerbSpec> renewVerbs() noexcept;
std::span<const VerbSpec> approvalVerbs() noexcept;

std::span<const VerbSpec> allVerbs();
std::span<const OptionSpec> globalOptions() noexcept;
ProgramSpec program();

}  // namespace kmsd::ctl
