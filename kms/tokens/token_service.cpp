#include "kms/tokens/token_service.h"

#include <array>
#include <utility>

#include "kms/tokens/token_core.h"

namespace kms {
namespace {

constexpr std::array<std::pair<TokenKind, std::string_view>, 3> kKinds{
    {{TokenKind::Enrol, "enrol"}, {TokenKind::Recover, "recover"}, {TokenKind::Access, "access"}}};

}  // namespace

std::string_view tokenKindName(TokenKind kind) noexcept {
  for (const auto& [value, name] : kKinds)
    if (value == kind) return name;
  return "unknown";
}

std::optional<TokenKind> parseTokenKind(std::string_view name) noexcept {
  for (const auto& [value, text] : kKinds)
    if (text == name) return value;
  return std::nullopt;
}

TokenService::TokenService(Vault& vault, Store& store, const base::Clock& clock, base::Rng& rng,
                           const Policy& policy)
    : core_(std::make_unique<TokenCore>(vault, store, clock, rng, policy)), approvals_(*core_) {}

TokenService::~TokenService() = default;

}  // namespace kms
