// Tables that are written down in a test as text: the first line names the columns, each further one begins
// with its name. Bars are there for the eye.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tests {

using Words = std::vector<std::string>;

// The words of each line that has some.
std::vector<Words> wordsOf(std::string_view table);

}  // namespace tests
