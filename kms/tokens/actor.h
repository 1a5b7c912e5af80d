// Actor: who asks, and what they may do.
//
// The bearer of an access token has the least of three: the role of its user now, the role its scopes name
// (kms:admin, kms:issuer, kms:verifier, kms:user; none of them: user), and the role its issuer had when it
// was issued. So a token for an administrator is no administrator's key unless an administrator says so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kms {

// Each role may do what those before it may.
enum class Role : std::uint8_t { None = 0, User = 1, Verifier = 2, Issuer = 3, Admin = 4 };

std::string_view roleName(Role role) noexcept;
std::optional<Role> parseRole(std::string_view name) noexcept;  // "user", "verifier", "issuer", "admin"

struct Actor {
  std::string name;                  // for the audit log: "uid 0", "user alice"
  Role role = Role::None;            // the most this actor may do here and now
  std::optional<std::int64_t> user;  // the row it is, where it is a user
  // Of an administrator of this host who came by the Unix socket; the daemon's own user counts as root.
  std::optional<std::uint32_t> uid{};
};

}  // namespace kms
