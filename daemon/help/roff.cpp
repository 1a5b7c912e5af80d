#include "daemon/help/roff.h"

#include <algorithm>

namespace kmsd::help {
namespace {

constexpr std::size_t kLineMost = 78;  // bytes of source; mandoc complains above 80
constexpr char kPlainStar = '\x01';
constexpr std::string_view kIndent = "    ";

// The next word of `rest`, taken off it; empty at the end.
std::string_view nextWord(std::string_view& rest) {
  const std::size_t start = std::min(rest.find_first_not_of(" \n"), rest.size());
  rest.remove_prefix(start);
  const std::size_t end = std::min(rest.find_first_of(" \n"), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end);
  return word;
}

// Escaped, with "*bold*" set in bold; `bold` goes on over the words of a phrase.
std::string marked(std::string_view word, bool& bold) {
  std::string out;
  for (std::size_t at = 0; at <= word.size();) {
    const std::size_t star = std::min(word.find('*', at), word.size());
    out += escapeRoff(word.substr(at, star - at));
    if (star < word.size()) {
      bold = !bold;
      out += bold ? "\\fB" : "\\fR";
    }
    at = star + 1;
  }
  return out;
}

// An argument of a control line. REQUIRES: no backslash in it.
std::string inQuotes(std::string_view argument) {
  std::string out = "\"";
  for (const char c : argument) out += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return out + "\"";
}

// A control line begins with a dot or an apostrophe; the latter is escaped anyway.
std::string guarded(const std::string& line) { return line.starts_with('.') ? "\\&" + line : line; }

}  // namespace

std::string plain(std::string_view text) {
  std::string out(text);
  std::ranges::replace(out, '*', kPlainStar);
  return out;
}

std::string escapeRoff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case kPlainStar:
        out += '*';
        break;
      case '~':
        out += "\\(ti";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Roff::Roff(std::string_view name, int section, std::string_view date, std::string_view source,
           std::string_view manual) {
  out_ = ".TH " + inQuotes(name) + " " + std::to_string(section) + " " + inQuotes(date) + " " +
         inQuotes(source) + " " + inQuotes(manual) + "\n";
}

Roff& Roff::section(std::string_view heading) {
  out_ += ".SH " + escapeRoff(heading) + "\n";
  return *this;
}

Roff& Roff::subsection(std::string_view heading) {
  out_ += ".SS " + escapeRoff(heading) + "\n";
  return *this;
}

void Roff::wrapped(std::string_view text) {
  std::string line;
  bool bold = false;
  for (std::string_view word = nextWord(text); !word.empty(); word = nextWord(text)) {
    const std::string shown = marked(word, bold);
    if (!line.empty() && line.size() + 1 + shown.size() > kLineMost) {
      out_ += guarded(line) + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + shown;
  }
  if (!line.empty()) out_ += guarded(line) + "\n";
}

// Straight behind a heading it needs no macro, and mandoc says so.
void Roff::newParagraph() {
  const std::size_t last = out_.rfind('\n', out_.size() - 2) + 1;
  if (!std::string_view(out_).substr(last).starts_with(".S")) out_ += ".PP\n";
}

Roff& Roff::text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find("\n\n"), text.size());
    std::string_view paragraph = text.substr(0, end);
    text.remove_prefix(std::min(end + 2, text.size()));
    if (!paragraph.starts_with(kIndent)) {
      newParagraph();
      wrapped(paragraph);
      continue;
    }
    literal();
    while (!paragraph.empty()) {
      const std::size_t stop = std::min(paragraph.find('\n'), paragraph.size());
      line(paragraph.substr(std::min(kIndent.size(), stop), stop - std::min(kIndent.size(), stop)));
      paragraph.remove_prefix(std::min(stop + 1, paragraph.size()));
    }
    endLiteral();
  }
  return *this;
}

Roff& Roff::literal() {
  newParagraph();
  out_ += ".RS 4\n.nf\n";
  return *this;
}

Roff& Roff::endLiteral() {
  out_ += ".fi\n.RE\n";
  return *this;
}

// A line too long for the source is continued with \c, which prints nothing and breaks no line.
Roff& Roff::line(std::string_view text) {
  std::string piece;
  while (!text.empty()) {
    const std::string one = escapeRoff(text.substr(0, 1));
    if (piece.size() + one.size() + 2 > kLineMost) {
      out_ += guarded(piece) + "\\c\n";
      piece.clear();
    }
    piece += one;
    text.remove_prefix(1);
  }
  out_ += guarded(piece) + "\n";
  return *this;
}

Roff& Roff::boldLine(std::string_view bold, std::string_view rest) {
  out_ += "\\fB" + escapeRoff(bold) + "\\fR" + escapeRoff(rest) + "\n";
  return *this;
}

Roff& Roff::item(std::string_view term, std::string_view value, std::string_view text) {
  out_ += ".TP\n\\fB" + escapeRoff(term) + "\\fR";
  if (!value.empty())
    out_ += std::string(term.ends_with('=') ? "" : " ") + "\\fI" + escapeRoff(value) + "\\fR";
  out_ += "\n";
  wrapped(text);
  return *this;
}

}  // namespace kmsd::help
