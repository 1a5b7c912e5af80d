#include "tests/support/exposition.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <regex>

namespace tests {
namespace {

std::optional<double> number(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double out = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// The name of the family that a sample of a histogram belongs to.
std::string stem(const std::string& name, const std::map<std::string, std::string>& types) {
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(suffix)) continue;
    const std::string family = name.substr(0, name.size() - suffix.size());
    const auto type = types.find(family);
    if (type != types.end() && type->second == "histogram") return family;
  }
  return name;
}

}  // namespace

Exposition::Exposition(const std::string& text) {
  if (!text.ends_with('\n')) problem("the text does not end with a line end", "");
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  checkHistograms();
}

void Exposition::problem(std::string_view what, std::string_view where) {
  problems_.append(what).append(": ").append(where).append("\n");
}

void Exposition::line(std::string_view line) {
  if (line.empty()) return;
  if (line.front() == '#') return comment(line);
  sample(line);
}

void Exposition::comment(std::string_view line) {
  static const std::regex kType(
      R"(# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram|summary|untyped))");
  static const std::regex kHelp(R"(# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) .*)");
  std::match_results<std::string_view::const_iterator> found;
  if (std::regex_match(line.begin(), line.end(), found, kType)) {
    if (!types_.emplace(found.str(1), found.str(2)).second) problem("a type twice", line);
  } else if (!std::regex_match(line.begin(), line.end(), kHelp)) {
    problem("a comment that is neither TYPE nor HELP", line);
  }
}

void Exposition::sample(std::string_view line) {
  static const std::regex kSample(R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+))re");
  static const std::regex kLabel(R"re(([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$))re");
  std::match_results<std::string_view::const_iterator> found;
  if (!std::regex_match(line.begin(), line.end(), found, kSample)) return problem("no sample", line);
  const std::string name = found.str(1);
  const auto value = number(found.str(3));
  if (!value) return problem("no number", line);
  if (!types_.contains(stem(name, types_))) problem("no type comes before", line);
  Labels labels;
  for (std::string rest = found.str(2); !rest.empty();) {
    std::smatch label;
    if (!std::regex_search(rest, label, kLabel, std::regex_constants::match_continuous))
      return problem("no label", line);
    if (!labels.emplace(label.str(1), label.str(2)).second) problem("a label twice", line);
    allLabels_ += label.str(1) + "=" + label.str(2) + "\n";
    rest = label.suffix();
  }
  std::string le;
  if (name.ends_with("_bucket") && labels.contains("le")) {
    le = labels["le"];
    labels.erase("le");
  }
  std::string text;
  for (const auto& [key, held] : labels) text += (text.empty() ? "" : ",") + key + "=\"" + held + "\"";
  if (!le.empty()) {
    const auto bound = number(le);
    if (!bound) return problem("no bound", line);
    buckets_[stem(name, types_)][text][*bound] = *value;
    text = "le=\"" + le + "\"" + (text.empty() ? "" : ",") + text;
  }
  if (!samples_[name].emplace(text, *value).second) problem("a sample twice", line);
}

void Exposition::checkHistograms() {
  for (const auto& [name, type] : types_) {
    if (type != "histogram") continue;
    for (const auto& [labels, bounds] : buckets_[name]) {
      double last = 0;
      for (const auto& [bound, count] : bounds) {
        if (count < last) problem("buckets that fall", name);
        last = count;
      }
      if (!std::isinf(bounds.rbegin()->first)) problem("no last bucket", name);
      if (value(name + "_count", labels) != last) problem("a count that is not the last bucket's", name);
      if (value(name + "_sum", labels) < 0) problem("no sum", name);
    }
  }
}

double Exposition::value(const std::string& name, const std::string& labels) const {
  const auto family = samples_.find(name);
  if (family == samples_.end()) return -1;
  const auto at = family->second.find(labels);
  return at == family->second.end() ? -1 : at->second;
}

bool Exposition::has(const std::string& name) const { return samples_.contains(name); }

}  // namespace tests
