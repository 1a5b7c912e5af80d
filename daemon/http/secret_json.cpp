#include "daemon/http/secret_json.h"

#include <boost/json.hpp>

namespace kmsd::http {
namespace {

namespace json = boost::json;

class PoolResource final : public json::memory_resource {
  void* do_allocate(std::size_t size, std::size_t) override {
    // Blocks of the pool begin on multiples of 64 bytes.
    if (void* block = base::SecretPool::instance().allocate(size)) return block;
    throw std::bad_alloc();
  }
  void do_deallocate(void* block, std::size_t size, std::size_t) override {
    base::SecretPool::instance().release(block, size);
  }
  bool do_is_equal(const json::memory_resource& other) const noexcept override { return this == &other; }
};

// The parser unescapes strings on the stack, and small strings lie within their values: what it left below
// this frame is overwritten.
[[gnu::noinline]] void wipeStackBelow() noexcept {
  std::byte used[16 * 1024];
  base::wipe(used);
}

[[gnu::noinline]] void parseInto(json::value& value, std::string_view text, const json::storage_ptr& storage,
                                 json::error_code& failed) {
  json::parse_options options;
  options.max_depth = SecretJson::kDepthMost;
  json::parser parser(storage, options);
  parser.reset(storage);
  parser.write(text, failed);
  if (!failed) value = parser.release();
}

}  // namespace

struct SecretJson::Content {
  PoolResource pool;
  json::storage_ptr storage{&pool};
  json::value value = json::value(nullptr, storage);
};

SecretJson::SecretJson() : content_(std::make_unique<Content>()) {}
SecretJson::SecretJson(SecretJson&&) noexcept = default;
SecretJson::~SecretJson() = default;

base::Result<SecretJson> SecretJson::parse(std::string_view text) try {
  SecretJson parsed;
  json::error_code failed;
  parseInto(parsed.value(), text, parsed.storage(), failed);
  wipeStackBelow();
  if (failed == json::error::too_deep) {
    return base::Error{base::Code::Invalid, "the body is nested too deeply"};
  }
  if (failed) return base::Error{base::Code::Invalid, "the body is not JSON: " + failed.message()};
  return parsed;
} catch (const std::bad_alloc&) {
  wipeStackBelow();
  return base::Error{base::Code::Unavailable, "no more memory can be locked now; try again"};
}

SecretJson SecretJson::create() { return {}; }

json::value& SecretJson::value() noexcept { return content_->value; }
const json::storage_ptr& SecretJson::storage() const noexcept { return content_->storage; }
base::SecretText SecretJson::text() const { return secretTextOf(content_->value); }

base::SecretText secretTextOf(const json::value& value) {
  json::serializer serializer;
  serializer.reset(&value);
  base::SecretText out(1024);
  std::size_t size = 0;
  for (;;) {
    size += serializer.read(out.data() + size, out.size() - size).size();
    if (serializer.done()) break;
    out.resize(out.size() * 2);
  }
  out.resize(size);
  return out;
}

}  // namespace kmsd::http
