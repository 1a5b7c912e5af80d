#include "daemon/http/published.h"

#include <ctime>

#include "kms/pki/digest.h"

namespace kmsd::http {

Published::Text Published::of(Form form, std::int64_t number, const List& list) {
  const std::lock_guard lock(mutex_);
  Kept& kept = kept_[{form, number}];
  if (kept.lists == std::vector{list}) return kept.text;
  const std::shared_ptr<const base::Bytes> bytes(list, &list->der);
  kept = {{list}, {bytes, entityTag(*bytes)}};
  return kept.text;
}

Published::Text Published::asPem(const std::vector<List>& lists) {
  const std::lock_guard lock(mutex_);
  Kept& kept = kept_[{Form::Pem, 0}];
  if (kept.lists == lists) return kept.text;
  std::string pem;
  for (const List& list : lists) pem += kms::pki::pem("X509 CRL", list->der);
  const base::BytesView view = base::asBytes(pem);
  const auto bytes = std::make_shared<const base::Bytes>(view.begin(), view.end());
  kept = {lists, {bytes, entityTag(*bytes)}};
  return kept.text;
}

std::string entityTag(base::BytesView bytes) {
  constexpr std::size_t kDigits = 32;
  return '"' + base::toHex(kms::pki::sha256(bytes)).substr(0, kDigits) + '"';
}

bool hasAlready(std::string_view ifNoneMatch, std::string_view tag) {
  if (ifNoneMatch == "*") return true;
  return !ifNoneMatch.empty() && ifNoneMatch.find(tag) != ifNoneMatch.npos;
}

std::string httpDate(base::Time time) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = time.time_since_epoch().count();
  tm parts{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return {};
  char text[64];
  // Not strftime's own names of days and months: they follow the locale.
  const std::size_t size = std::strftime(text, sizeof text, "%Y %H:%M:%S GMT", &parts);
  char day[8];
  const std::size_t length = std::strftime(day, sizeof day, "%d ", &parts);
  return std::string(kDays[static_cast<std::size_t>(parts.tm_wday)]) + ", " + std::string(day, length) +
         kMonths[static_cast<std::size_t>(parts.tm_mon)] + " " + std::string(text, size);
}

}  // namespace kmsd::http
