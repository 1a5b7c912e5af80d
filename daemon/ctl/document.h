// JSON as kmsctl needs it: what the server answered, and what it is asked. Both may hold secrets and lie in
// locked, wiped memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hal/base/result.h"
#include "hal/base/secret_pool.h"

namespace boost::json {
class value;
}

namespace kmsd::ctl {

// An object of an answer. Members that are missing or null read as empty; the server may be newer than this
// program.
class Document {
 public:
  // Errors: Corrupt (not a JSON object).
  static base::Result<Document> parse(std::string_view text);

  std::string text(std::string_view name) const;  // numbers and truth values as text
  base::SecretText secret(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::vector<Document> items() const { return list("items"); }  // of a list answer
  std::vector<Document> list(std::string_view name) const;       // the objects in a list
  std::optional<Document> part(std::string_view name) const;     // an object in this one
  base::SecretText json() const;

 private:
  Document(std::shared_ptr<const void> owner, const boost::json::value* value)
      : owner_(std::move(owner)), value_(value) {}
  std::shared_ptr<const void> owner_;  // keeps the whole answer
  const boost::json::value* value_;
};

// The body of a request, member by member.
class Body {
 public:
  Body();
  ~Body();
  Body& text(std::string_view name, std::string_view value);
  Body& texts(std::string_view name, const std::vector<std::string>& values);
  Body& secrets(std::string_view name, const std::vector<base::SecretText>& values);
  Body& number(std::string_view name, std::int64_t value);
  Body& truth(std::string_view name, bool value);
  Body& null(std::string_view name);
  bool empty() const;
  base::SecretText json() const;

 private:
  struct Content;
  std::unique_ptr<Content> content_;
};

}  // namespace kmsd::ctl
