// The mark up to which tokens are filed under their users (Txn::fileTokens); what lies behind it is found by
// looking.
#pragma once

#include <string_view>

namespace kms {

inline constexpr std::string_view kTokensFiled = "tokens_filed";    // the last sequence number that was filed
inline constexpr std::string_view kTokensTidied = "tokens_tidied";  // where dropping expired rows goes on

}  // namespace kms
