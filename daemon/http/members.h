// Members: the fields of a JSON object in a request, taken one by one. Inside daemon/http only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/http/secret_json.h"
#include "hal/base/secret_buffer.h"

namespace boost::json {
class object;
class string;
}  // namespace boost::json

namespace kmsd::http {

// Whatever is left at the end is unknown. That is told first, then the first other error. Names outlive it.
class Members {
 public:
  explicit Members(base::Result<SecretJson> document);

  bool has(std::string_view name) const;
  std::optional<std::string> text(std::string_view name);
  base::SecretText secretText(std::string_view name);
  std::optional<base::SecretBuffer> secret(std::string_view name);
  std::optional<std::vector<std::string>> texts(std::string_view name);
  template <class T>
  std::optional<T> number(std::string_view name);  // std::uint32_t and std::int64_t
  bool flag(std::string_view name);                // false where it is absent
  // True where the member is there and null.
  bool null(std::string_view name);
  // As text(); that it is absent is an error.
  std::string needed(std::string_view name);

  void fail(base::Error error);

  // Ends the reading. The document goes with `this`.
  template <class T>
  base::Result<T> finish(T value) {
    auto ended = end();
    if (!ended) return std::move(ended).error();
    return value;
  }
  base::Result<void> end();

 private:
  const boost::json::value* take(std::string_view name);
  const boost::json::string* stringOf(std::string_view name);

  std::optional<SecretJson> document_;
  const boost::json::object* object_ = nullptr;
  std::vector<std::string_view> taken_;  // the callers' literals
  std::optional<base::Error> error_;
};

}  // namespace kmsd::http
