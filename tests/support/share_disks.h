// What stands on key disks, as tests of shares and of typed keys need it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>

#include "hal/key_file.h"
#include "tests/support/disks.h"

namespace tests {

inline hal::KeyFile fileOn(const std::filesystem::path& image) {
  auto file = hal::parseKeyFile(base::asBytes(readKeyText(image)));
  EXPECT_TRUE(file) << file.error().what;
  return *std::move(file);
}

// As a person would copy it from there: "04HMASW9NF6YY4", or a share's with its number before it.
inline std::string pwdOn(const std::filesystem::path& image) {
  const std::string text = readKeyText(image);
  const std::size_t at = text.find("pwd=") + 4;
  return text.substr(at, text.find_first_of("\r\n", at) - at);
}

// The same with a slip of the keyboard.
inline std::string mistyped(std::string pwd) {
  pwd.back() = pwd.back() == '7' ? '8' : '7';
  return pwd;
}

// An answer for runAtTerminal.
inline std::function<std::string()> say(std::string text) {
  return [text = std::move(text)] { return text; };
}

}  // namespace tests
