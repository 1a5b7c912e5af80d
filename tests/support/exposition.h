// A reader of Prometheus' text format 0.0.4 that forgives nothing, to check what the server writes.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace tests {

class Exposition {
 public:
  explicit Exposition(const std::string& text);

  // What is wrong with it, a line each; empty: nothing.
  const std::string& problems() const noexcept { return problems_; }
  // `labels`: `a="b",c="d"` in the order of their names, `le` first, values escaped as in the text. -1 where
  // there is no such sample.
  double value(const std::string& name, const std::string& labels = {}) const;
  bool has(const std::string& name) const;  // a sample of it, whatever its labels
  // The labels' names and values of all samples, for a search of what must not be there.
  const std::string& allLabels() const noexcept { return allLabels_; }

 private:
  using Labels = std::map<std::string, std::string>;

  void line(std::string_view line);
  void comment(std::string_view line);
  void sample(std::string_view line);
  void checkHistograms();
  void problem(std::string_view what, std::string_view where);

  std::map<std::string, std::string> types_;
  std::map<std::string, std::map<std::string, double>> samples_;                    // by name, then by labels
  std::map<std::string, std::map<std::string, std::map<double, double>>> buckets_;  // name, labels, le
  std::string allLabels_;
  std::string problems_;
};

}  // namespace tests
