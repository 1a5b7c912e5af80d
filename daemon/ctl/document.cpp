#include "daemon/ctl/document.h"

#include <boost/json.hpp>

#include "daemon/http/secret_json.h"

namespace kmsd::ctl {
namespace {

namespace json = boost::json;

const json::value* member(const json::value& value, std::string_view name) {
  return value.get_object().if_contains(name);
}

std::string plain(const json::value& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return std::string(value.get_string().data(), value.get_string().size());
  return json::serialize(value);
}

}  // namespace

base::Result<Document> Document::parse(std::string_view text) {
  auto parsed = http::SecretJson::parse(text);
  if (!parsed || !parsed->value().is_object()) {
    return base::Error{base::Code::Corrupt, "the server's answer is not the JSON of a kmsd"};
  }
  auto owner = std::make_shared<http::SecretJson>(*std::move(parsed));
  const json::value* value = &owner->value();
  return Document(std::move(owner), value);
}

std::string Document::text(std::string_view name) const {
  const json::value* found = member(*value_, name);
  return found == nullptr ? std::string() : plain(*found);
}

base::SecretText Document::secret(std::string_view name) const {
  const json::value* found = member(*value_, name);
  if (found == nullptr || !found->is_string()) return {};
  return base::secretText({found->get_string().data(), found->get_string().size()});
}

bool Document::flag(std::string_view name) const {
  const json::value* found = member(*value_, name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

std::vector<std::string> Document::texts(std::string_view name) const {
  std::vector<std::string> out;
  const json::value* found = member(*value_, name);
  if (found == nullptr || !found->is_array()) return out;
  for (const json::value& item : found->get_array()) out.push_back(plain(item));
  return out;
}

std::vector<Document> Document::list(std::string_view name) const {
  std::vector<Document> out;
  const json::value* found = member(*value_, name);
  if (found == nullptr || !found->is_array()) return out;
  for (const json::value& item : found->get_array()) {
    if (item.is_object()) out.push_back(Document(owner_, &item));
  }
  return out;
}

std::optional<Document> Document::part(std::string_view name) const {
  const json::value* found = member(*value_, name);
  if (found == nullptr || !found->is_object()) return std::nullopt;
  return Document(owner_, found);
}

base::SecretText Document::json() const { return http::secretTextOf(*value_); }

struct Body::Content {
  http::SecretJson document = http::SecretJson::create();
  json::object& object = document.value().emplace_object();
};

Body::Body() : content_(std::make_unique<Content>()) {}
Body::~Body() = default;

Body& Body::text(std::string_view name, std::string_view value) {
  // Straight into the object's own memory: a secret must not pass through a value made elsewhere.
  content_->object[name].emplace_string().assign(value);
  return *this;
}

Body& Body::texts(std::string_view name, const std::vector<std::string>& values) {
  json::array& array = content_->object[name].emplace_array();
  for (const std::string& value : values) array.emplace_back(value);
  return *this;
}

Body& Body::secrets(std::string_view name, const std::vector<base::SecretText>& values) {
  json::array& array = content_->object[name].emplace_array();
  array.reserve(values.size());
  for (const base::SecretText& value : values)
    array.emplace_back(nullptr).emplace_string().assign(base::view(value));
  return *this;
}

Body& Body::number(std::string_view name, std::int64_t value) {
  content_->object[name] = value;
  return *this;
}

Body& Body::truth(std::string_view name, bool value) {
  content_->object[name] = value;
  return *this;
}

Body& Body::null(std::string_view name) {
  content_->object[name] = nullptr;
  return *this;
}

bool Body::empty() const { return content_->object.empty(); }
base::SecretText Body::json() const { return content_->document.text(); }

}  // namespace kmsd::ctl
