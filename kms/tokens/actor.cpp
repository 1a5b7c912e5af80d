#include "kms/tokens/actor.h"

#include <array>
#include <utility>

namespace kms {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 5> kRoles{{{Role::None, "none"},
                                                                   {Role::User, "user"},
                                                                   {Role::Verifier, "verifier"},
                                                                   {Role::Issuer, "issuer"},
                                                                   {Role::Admin, "admin"}}};

}  // namespace

std::string_view roleName(Role role) noexcept {
  for (const auto& [value, name] : kRoles)
    if (value == role) return name;
  return "none";
}

std::optional<Role> parseRole(std::string_view name) noexcept {
  for (const auto& [value, text] : kRoles)
    if (value != Role::None && text == name) return value;
  return std::nullopt;
}

}  // namespace kms
