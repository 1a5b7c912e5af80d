// A manual page in the making, as man(7) source: section headings, paragraphs, tagged items and literal
// blocks, from plain text. Everything is escaped here and wrapped to lines of 80 bytes at most.
#pragma once

#include <string>
#include <string_view>

namespace kmsd::help {

class Roff {
 public:
  // `date`: as YYYY-MM-DD.
  Roff(std::string_view name, int section, std::string_view date, std::string_view source,
       std::string_view manual);

  Roff& section(std::string_view heading);
  Roff& subsection(std::string_view heading);
  // Paragraphs, apart by an empty line; one whose lines begin with four blanks is shown as it stands. Words
  // in *asterisks* become bold.
  Roff& text(std::string_view text);
  // A line that is shown as it stands, inside literal() ... endLiteral().
  Roff& literal();
  Roff& line(std::string_view text);
  Roff& endLiteral();
  // "term  text" with a hanging indent. `value`, behind the term, is set in italics.
  Roff& item(std::string_view term, std::string_view value, std::string_view text);
  // In a literal block: bold, then plain.
  Roff& boldLine(std::string_view bold, std::string_view rest);

  const std::string& source() const noexcept { return out_; }

 private:
  void newParagraph();
  void wrapped(std::string_view text);

  std::string out_;
};

// A text in which asterisks are only asterisks.
std::string plain(std::string_view text);
// Characters that mean something to roff become what prints them.
std::string escapeRoff(std::string_view text);

}  // namespace kmsd::help
