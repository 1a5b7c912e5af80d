// Reads the worked examples out of a FORMATS.md: blocks fenced as ```example NAME, with a line `name: value`
// for each field. A line that begins with two blanks goes on with the one before; a name given again adds a
// line.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

namespace tests {

using Example = std::map<std::string, std::string>;

inline std::map<std::string, Example> workedExamples(const std::string& path) {
  std::map<std::string, Example> all;
  std::ifstream file(path);
  Example* now = nullptr;
  std::string field;
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view kFence = "```example ";
    if (line.starts_with(kFence)) {
      now = &all[line.substr(kFence.size())];
    } else if (line.starts_with("```")) {
      now = nullptr;
    } else if (now != nullptr && line.starts_with("  ")) {
      (*now)[field] += line.substr(2);
    } else if (now != nullptr) {
      const auto colon = line.find(':');
      field = line.substr(0, colon);
      const std::string value = line.size() > colon + 2 ? line.substr(colon + 2) : "";
      const auto [at, fresh] = now->emplace(field, value);
      if (!fresh) at->second += "\n" + value;
    }
  }
  return all;
}

// The fields of one example; the test fails where it is not there.
inline Example workedExample(const std::string& name) {
  auto all = workedExamples(KEYDISK_SOURCE_DIR "/kms/FORMATS.md");
  if (!all.contains(name)) ADD_FAILURE() << "kms/FORMATS.md has no example '" << name << "'";
  return all[name];
}

}  // namespace tests
