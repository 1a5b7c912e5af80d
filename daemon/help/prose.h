// What the manual pages say beyond the tables. Markup: as Roff::text.
#pragma once

#include <span>
#include <string_view>

namespace kmsd::help {

inline constexpr std::string_view kDate = "2026-11-23";  // of the last change of the prose

struct ProseItem {
  std::string_view term;
  std::string_view text;
};

struct ProseSection {
  std::string_view heading;
  std::string_view text;
  std::span<const ProseItem> items{};
};

struct Prose {
  std::string_view program;
  int section;              // of the manual
  std::string_view manual;  // the section's name
  std::string_view description;
  std::span<const ProseSection> more;  // behind the tables
  std::string_view seeAlso;
};

const Prose& proseOf(std::string_view program) noexcept;  // "kmsd", "kmsctl", "kmsd.conf"

}  // namespace kmsd::help
