#include "daemon/http/members.h"

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

namespace kmsd::http {
namespace {

namespace json = boost::json;
using base::Code;
using base::Error;
using base::Reason;

constexpr std::size_t kListMost = 1024;  // items of a list in a request
constexpr std::size_t kNameShown = 64;   // bytes of an unknown field's name that a message repeats

Error wrong(std::string_view name, const std::string& expected) {
  return {Code::Invalid, "\"" + std::string(name) + "\" must be " + expected};
}

}  // namespace

Members::Members(base::Result<SecretJson> document) {
  if (!document) {
    fail(std::move(document).error());
    return;
  }
  document_.emplace(*std::move(document));
  object_ = document_->value().if_object();
  if (object_ == nullptr) fail({Code::Invalid, "the body must be a JSON object"});
}

bool Members::has(std::string_view name) const { return object_ != nullptr && object_->contains(name); }

std::optional<std::string> Members::text(std::string_view name) {
  const json::string* found = stringOf(name);
  if (found == nullptr) return std::nullopt;
  return std::string(found->data(), found->size());
}

base::SecretText Members::secretText(std::string_view name) {
  const json::string* found = stringOf(name);
  if (found == nullptr) return {};
  return base::secretText({found->data(), found->size()});
}

std::optional<base::SecretBuffer> Members::secret(std::string_view name) {
  const json::string* found = stringOf(name);
  if (found == nullptr) return std::nullopt;
  auto copy = base::SecretBuffer::copyOf(base::asBytes({found->data(), found->size()}));
  if (copy) return *std::move(copy);
  fail(std::move(copy).error());
  return std::nullopt;
}

std::optional<std::vector<std::string>> Members::texts(std::string_view name) {
  const json::value* value = take(name);
  if (value == nullptr) return std::nullopt;
  const json::array* array = value->if_array();
  const bool sound =
      array != nullptr && array->size() <= kListMost &&
      std::all_of(array->begin(), array->end(), [](const auto& item) { return item.is_string(); });
  if (!sound) {
    fail(wrong(name, "a list of strings"));
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const json::value& item : *array) out.emplace_back(item.get_string().data(), item.get_string().size());
  return out;
}
template <class T>
std::optional<T> Members::number(std::string_view name) {
  const json::value* value = take(name);
  if (value == nullptr) return std::nullopt;
  json::error_code failed;
  const T out = value->to_number<T>(failed);
  if (!failed && !value->is_double()) return out;
  fail(wrong(name, "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
                       std::to_string(std::numeric_limits<T>::max())));
  return std::nullopt;
}

bool Members::flag(std::string_view name) {
  const json::value* value = take(name);
  if (value == nullptr) return false;
  if (!value->is_bool()) fail(wrong(name, "true or false"));
  return value->is_bool() && value->get_bool();
}

bool Members::null(std::string_view name) {
  if (!has(name) || !object_->at(name).is_null()) return false;
  take(name);
  return true;
}

void Members::fail(Error error) {
  if (!error_) error_ = std::move(error);
}

base::Result<void> Members::end() {
  if (object_ == nullptr) return *std::move(error_);
  // First, because a misspelt field also is a needed one that is missing.
  for (const auto& member : *object_) {
    const std::string_view name = member.key();
    if (std::find(taken_.begin(), taken_.end(), name) != taken_.end()) continue;
    return Error{Code::Invalid, "unknown field \"" + std::string(name.substr(0, kNameShown)) + "\"",
                 Reason::UnknownField};
  }
  if (error_) return *std::move(error_);
  return {};
}

const json::value* Members::take(std::string_view name) {
  if (!has(name)) return nullptr;
  taken_.push_back(name);
  return &object_->at(name);
}

const json::string* Members::stringOf(std::string_view name) {
  const json::value* value = take(name);
  if (value == nullptr) return nullptr;
  if (!value->is_string()) fail(wrong(name, "a string"));
  return value->if_string();
}

template std::optional<std::uint32_t> Members::number(std::string_view name);
template std::optional<std::int64_t> Members::number(std::string_view name);

std::string Members::needed(std::string_view name) {
  auto found = text(name);
  if (!found) fail({Code::Invalid, "\"" + std::string(name) + "\" is needed"});
  return found.value_or("");
}

}  // namespace kmsd::http
