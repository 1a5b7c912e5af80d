#include "daemon/http/secret_json.h"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <cmath>

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

// Members of all objects within a value.
std::size_t membersIn(const json::value& value) {
  std::size_t count = 0;
  if (const json::object* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += membersIn(member.value());
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) count += membersIn(item);
  }
  return count;
}

// Builds the value, as Boost.JSON's own parser does, and counts the members it reads: of those that stand
// twice, the value keeps one.
struct Builder {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using Error = json::error_code&;

  // The stack holds what was read, so it lies in the same memory.
  explicit Builder(const json::storage_ptr& storage) : stack(storage) { stack.reset(storage); }

  json::value_stack stack;
  std::size_t members = 0;

  bool on_document_begin(Error) { return true; }
  bool on_document_end(Error) { return true; }
  bool on_object_begin(Error) { return true; }
  bool on_object_end(std::size_t count, Error) {
    members += count;
    stack.push_object(count);
    return true;
  }
  bool on_array_begin(Error) { return true; }
  bool on_array_end(std::size_t count, Error) {
    stack.push_array(count);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, Error) {
    stack.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, Error) {
    stack.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, Error) {
    stack.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, Error) {
    stack.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view, Error) { return true; }
  bool on_int64(std::int64_t number, json::string_view, Error) {
    stack.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, Error) {
    stack.push_uint64(number);
    return true;
  }
  bool on_double(double number, json::string_view, Error failed) {
    if (!std::isfinite(number)) {  // it could not be written again
      failed = json::error::exponent_overflow;
      return false;
    }
    stack.push_double(number);
    return true;
  }
  bool on_bool(bool truth, Error) {
    stack.push_bool(truth);
    return true;
  }
  bool on_null(Error) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, Error) { return true; }
  bool on_comment(json::string_view, Error) { return true; }
};

// False where an object has a member twice.
[[gnu::noinline]] bool parseInto(json::value& value, std::string_view text, const json::storage_ptr& storage,
                                 json::error_code& failed) {
  json::parse_options options;
  options.max_depth = SecretJson::kDepthMost;
  json::basic_parser<Builder> parser(options, storage);
  const std::size_t read = parser.write_some(false, text.data(), text.size(), failed);
  if (!failed && !parser.done()) failed = json::error::incomplete;
  if (!failed && read != text.size()) failed = json::error::extra_data;
  if (failed) return true;
  value = parser.handler().stack.release();
  return membersIn(value) == parser.handler().members;
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
  const bool distinct = parseInto(parsed.value(), text, parsed.storage(), failed);
  wipeStackBelow();
  if (failed == json::error::too_deep) {
    return base::Error{base::Code::Invalid, "the body is nested too deeply"};
  }
  if (failed) return base::Error{base::Code::Invalid, "the body is not JSON: " + failed.message()};
  if (!distinct) return base::Error{base::Code::Invalid, "an object in the body has a member twice"};
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
