// UTF-8 as names and labels need it. Source: RFC 3629, section 3.
#pragma once

#include <string_view>

namespace base {

// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool validUtf8(std::string_view text) noexcept;
// Any C0 or C1 control character, DEL included. REQUIRES: validUtf8(text).
bool hasControl(std::string_view text) noexcept;

}  // namespace base
