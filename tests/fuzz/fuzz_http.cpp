// Fuzzes what a client sends: the request target and the bodies of the API. The first byte chooses.
#include <cstdint>

#include "daemon/http/bulk_requests.h"
#include "daemon/http/oauth_form.h"
#include "daemon/http/requests.h"
#include "daemon/http/secret_json.h"
#include "daemon/http/target.h"

namespace {

using namespace kmsd::http;

// Every refusal says why, in a line of a bounded length that repeats no more of the body than a name.
template <class T>
void judge(const base::Result<T>& result) {
  if (result) return;
  const std::string& what = result.error().what;
  if (what.empty() || what.size() > 300) __builtin_trap();
}

void target(std::string_view text) {
  const auto parsed = parseTarget(text);
  if (!parsed) return;
  const auto again = parseTarget(parsed->path.starts_with('/') ? escapeTarget(parsed->path) : "");
  if (parsed->path.find('\0') != std::string::npos) __builtin_trap();
  // An escaped path has no slash, so it is no path by itself; behind one it means what it meant.
  if (again) __builtin_trap();
  const auto behind = parseTarget("/" + escapeTarget(parsed->path));
  if (!behind || behind->path != "/" + parsed->path || !behind->query.empty()) __builtin_trap();
}

void document(std::string_view text) {
  auto parsed = SecretJson::parse(text);
  judge(parsed);
  if (!parsed || text.size() > 4096) return;
  const auto shown = parsed->text();
  const auto again = SecretJson::parse(base::view(shown));
  if (!again) __builtin_trap();  // what was read can be written and read again
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'T':
      target(body);
      break;
    case 'J':
      document(body);
      break;
    case 'A':
      judge(parseNewUser(body));
      break;
    case 'C':
      judge(parseUserChange(body));
      break;
    case 'I':
      judge(parseIssue(body));
      break;
    case 'R':
      judge(parseTokenRef(body));
      break;
    case 'V':
      judge(parseRevocation(body));
      break;
    case 'U':
      judge(parseUnseal(body));
      break;
    case 'B':
      judge(parseBulkIssue(body));
      break;
    case 'K':
      judge(parseBulkRevocation(body));
      break;
    case 'L':
      judge(parseAuditVerify(body));
      break;
    case 'F':
      judge(parseTokenForm(body));
      break;
    case 'H':
      judge(parseBasic(body));
      break;
    case 'N':
      judge(parseNothing(body));
      break;
    default:
      break;
  }
  return 0;
}
