// kmsd-help DIRECTORY ENGINE: writes the manual pages into DIRECTORY and the completion scripts, made of the
// script ENGINE, into DIRECTORY/completions. Runs while building; not installed.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "daemon/ctl/verbs.h"
#include "daemon/help/completion.h"
#include "daemon/help/pages.h"
#include "daemon/kmsd_program.h"

namespace {

constexpr std::string_view kSchemes[] = {KEYDISK_SCHEMES};  // of the drivers that are built in

bool write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) std::cerr << "kmsd-help: cannot write " << file.string() << "\n";
  return static_cast<bool>(out);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "kmsd-help: usage: kmsd-help DIRECTORY ENGINE\n";
    return 2;
  }
  const std::filesystem::path directory = argv[1];
  std::ifstream in(argv[2], std::ios::binary);
  const std::string engine{std::istreambuf_iterator<char>(in), {}};
  std::error_code failed;
  std::filesystem::create_directories(directory / "completions", failed);
  if (engine.empty() || failed) {
    std::cerr << "kmsd-help: cannot read " << argv[2] << " or make " << directory.string() << "\n";
    return 1;
  }
  const kmsd::ProgramSpec& daemon = kmsd::kmsdProgram();
  const kmsd::ProgramSpec client = kmsd::ctl::program();
  namespace help = kmsd::help;
  const bool written =
      write(directory / "kmsd.8", help::programPage(daemon)) &&
      write(directory / "kmsctl.1", help::programPage(client)) &&
      write(directory / "kmsd.conf.5", help::configPage(daemon)) &&
      write(directory / "completions" / "kmsd", help::bashCompletion(daemon, engine, kSchemes)) &&
      write(directory / "completions" / "kmsctl", help::bashCompletion(client, engine, kSchemes));
  return written ? 0 : 1;
}
