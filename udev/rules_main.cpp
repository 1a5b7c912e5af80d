// kmsd-udev-rules [FILE]: writes the rules file, or prints it. Runs while building; not installed.
#include <fstream>
#include <iostream>

#include "udev/rules.h"

int main(int argc, char** argv) {
  if (argc > 2) {
    std::cerr << "kmsd-udev-rules: usage: kmsd-udev-rules [FILE]\n";
    return 2;
  }
  const auto text = udev::rules(udev::sections());
  if (!text) {
    std::cerr << "kmsd-udev-rules: " << text.error().what << "\n";
    return 1;
  }
  if (argc == 1) {
    std::cout << *text << std::flush;
    return std::cout ? 0 : 1;
  }
  std::ofstream out(argv[1], std::ios::binary);
  out << *text;
  out.close();
  if (!out) std::cerr << "kmsd-udev-rules: cannot write " << argv[1] << "\n";
  return out ? 0 : 1;
}
