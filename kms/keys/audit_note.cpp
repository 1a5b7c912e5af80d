#include "kms/keys/audit_note.h"

#include <string_view>

namespace kms {
namespace {

constexpr std::string_view kDomain = "keydisk/1/audit-note";

}  // namespace

base::Bytes auditNoteMessage(const base::Uuid& server, std::int64_t segment, std::int64_t number,
                             const std::array<std::byte, 32>& hash) {
  base::ByteWriter out;
  out.raw(base::asBytes(kDomain));
  out.raw(server.bytes());
  out.u64(static_cast<std::uint64_t>(segment));
  out.u64(static_cast<std::uint64_t>(number));
  out.raw(hash);
  return std::move(out).take();
}

}  // namespace kms
