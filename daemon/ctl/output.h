// What kmsctl prints: for people short aligned lines, with --json one document.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/cli.h"
#include "daemon/ctl/document.h"

namespace kmsd::ctl {

using Fields = std::vector<std::pair<std::string, std::string>>;

// "name   value" lines; fields with an empty value are left out. What servers say is made printable.
std::string formatFields(const Fields& fields);
// Columns under their headings, two blanks between them; "-" stands for an empty cell.
std::string formatTable(const std::vector<std::string>& headings,
                        const std::vector<std::vector<std::string>>& rows);
std::string join(const std::vector<std::string>& texts);

// A line that may hold a token, past stdio's buffers. Gives Failed, and says so, where it could not be
// written.
Exit printSecretLine(const base::SecretText& text);

// {"items": [...], "next": null} of all pages; lists hold no secrets.
class JsonList {
 public:
  void add(const Document& item);
  // An item that the server refused: its name, with what a problem document says of it.
  void add(std::string_view name, const Document& problem);
  std::string text() const { return R"({"items":[)" + items_ + R"(],"next":null})"; }

 private:
  void add(const base::SecretText& json);
  std::string items_;
};

}  // namespace kmsd::ctl
