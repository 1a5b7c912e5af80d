// JSON whose texts may be secret: parsed into locked, wiped memory, and written into it. Source: RFC 8259.
#pragma once

#include <memory>
#include <string_view>

#include "hal/base/result.h"
#include "hal/base/secret_pool.h"

namespace boost::json {
class value;
class storage_ptr;
}  // namespace boost::json

namespace kmsd::http {

class SecretJson {
 public:
  static constexpr std::size_t kDepthMost = 8;  // arrays and objects within each other

  // One whole document. An object with a member twice is refused, because two programs that read it may take
  // different ones. Errors: Invalid (not JSON, nested too deeply; says where, never what); Unavailable (no
  // locked memory).
  static base::Result<SecretJson> parse(std::string_view text);
  // Null, to be filled with values made over storage().
  static SecretJson create();

  SecretJson(SecretJson&&) noexcept;
  SecretJson& operator=(SecretJson&&) = delete;
  ~SecretJson();

  boost::json::value& value() noexcept;
  const boost::json::storage_ptr& storage() const noexcept;
  // Throws std::bad_alloc above SecretPool::kLargest bytes.
  base::SecretText text() const;

 private:
  SecretJson();
  struct Content;
  std::unique_ptr<Content> content_;
};

base::SecretText secretTextOf(const boost::json::value& value);

}  // namespace kmsd::http
