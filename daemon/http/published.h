// Published: what the public routes make of the lists and keep until there are newer ones: their names for
// caches, and PEM. Safe to use from several threads. Inside daemon/http only.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "kms/pki/status_service.h"

namespace kmsd::http {

class Published {
 public:
  enum class Form : std::uint8_t { Full, Pem, Delta };

  struct Text {
    std::shared_ptr<const base::Bytes> bytes;
    std::string tag;  // of HTTP (RFC 9110, section 8.8.3), with its quotes
  };
  using List = std::shared_ptr<const kms::pki::PublishedList>;
  // `list` of the authority with this number in this form, DER. REQUIRES: it is not null.
  Text of(Form form, std::int64_t number, const List& list);
  // All lists, one behind the other. REQUIRES: there is one.
  Text asPem(const std::vector<List>& lists);

 private:
  struct Kept {
    std::vector<List> lists;
    Text text;
  };
  std::mutex mutex_;
  std::map<std::pair<Form, std::int64_t>, Kept> kept_;
};

// A strong name for these bytes.
std::string entityTag(base::BytesView bytes);
// Whether a client that sent this If-None-Match has what `tag` names (RFC 9110, section 13.1.2).
bool hasAlready(std::string_view ifNoneMatch, std::string_view tag);
// As HTTP writes times (RFC 9110, section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
std::string httpDate(base::Time time);

}  // namespace kmsd::http
