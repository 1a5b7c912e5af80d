#include "daemon/cli.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <iostream>

#include "daemon/cli_line.h"
#include "hal/base/utf8.h"

namespace kmsd {
namespace {

std::string_view programName = "kmsd";  // set once by runProgram, before anything else runs

// Names the help of the verb, where the words have one.
Exit usageError(const ProgramSpec& program, const std::vector<std::string>& words, const base::Error& error) {
  const VerbSpec* verb = CommandLine(program).verbOf(words);
  const bool ended = error.what.ends_with('?') || error.what.ends_with('.');
  return fail(Exit::Usage, error.what + (ended ? " See '" : "; see '") + std::string(programName) + " " +
                               (verb == nullptr ? "" : std::string(verb->name) + " ") + "--help'");
}

Exit runWords(const ProgramSpec& program, const std::vector<std::string>& words) {
  const auto outcome = CommandLine(program).parse(words);
  if (!outcome && outcome.error().code == base::Code::Invalid)
    return usageError(program, words, outcome.error());
  if (!outcome) return fail(outcome.error());
  switch (outcome->wants) {
    case CommandLine::Wants::Help:
      std::cout << (outcome->verb == nullptr ? programHelp(program) : verbHelp(program, *outcome->verb));
      return Exit::Yes;
    case CommandLine::Wants::Version:
      std::cout << program.name << " " << version() << "\n";
      return Exit::Yes;
    case CommandLine::Wants::Run:
      break;
  }
  return outcome->verb->run(outcome->parsed);
}

// Length of the well-formed UTF-8 sequence that `text` begins with, which is no control character; 0: none.
std::size_t sequenceLength(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    const std::string_view one = text.substr(0, length);
    if (base::validUtf8(one)) return base::hasControl(one) ? 0 : length;
  }
  return 0;
}

// Where whoever started this closed a standard stream, the next file or connection would take its number, and
// what is said there would go into it. On standard output it fails instead.
bool holdStandardStreams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (::open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) != fd) return false;
  }
  return true;
}

}  // namespace

bool Parsed::has(std::string_view name) const { return values_.contains(name); }

const std::string& Parsed::text(std::string_view name) const {
  static const std::string kNone;
  if (const auto at = values_.find(name); at != values_.end()) return at->second.front();
  if (const auto at = fallbacks_.find(name); at != fallbacks_.end()) return at->second;
  return kNone;
}

std::vector<std::string> Parsed::texts(std::string_view name) const {
  if (const auto at = values_.find(name); at != values_.end()) return at->second;
  if (const auto at = fallbacks_.find(name); at != fallbacks_.end()) return {at->second};
  return {};
}

int runProgram(const ProgramSpec& program, int argc, char** argv) {
  if (!holdStandardStreams()) return static_cast<int>(Exit::Failed);
  programName = program.name;
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  Exit exit = Exit::Failed;
  try {
    exit = runWords(program, words);
    std::cout.flush();
    // An answer that did not arrive is no answer: a full disk behind a redirection must not look like
    // success.
    if ((!std::cout || std::fflush(stdout) != 0) && exit == Exit::Yes)
      exit = fail(Exit::Failed, "the output could not be written");
  } catch (const std::exception& error) {
    exit = fail(Exit::Failed, std::string("internal error: ") + error.what());
  }
  return static_cast<int>(exit);
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = sequenceLength(text);
    if (length > 0) {
      out += text.substr(0, length);
    } else if (text.front() == '\n') {
      out += "\\n";
    } else if (text.front() == '\t') {
      out += "\\t";
    } else {
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\x%02X",
                    static_cast<unsigned>(static_cast<unsigned char>(text.front())));
      out += hex;
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string_view version() noexcept { return KEYDISK_VERSION; }

Exit fail(const base::Error& error) { return fail(exitOf(error), error.what); }

Exit fail(Exit code, std::string_view what) {
  std::cout.flush();
  const std::string line = std::string(programName) + ": " + printable(what) + "\n";
  std::fputs(line.c_str(), stderr);
  return code;
}

base::Result<std::chrono::seconds> parseSpan(std::string_view text, bool zero) {
  const auto wrong = [&](const char* why) {
    return base::Error{base::Code::Invalid, "'" + std::string(text) + "' is no span of time: " + why};
  };
  constexpr std::int64_t kMost = std::int64_t{100} * 366 * 86400;
  std::int64_t count = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (problem == std::errc::result_out_of_range) return wrong("it is above 100 years");
  if (problem != std::errc()) return wrong("write seconds, or a number with s, m, h or d, such as 24h");
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  std::int64_t factor = 0;
  if (unit.empty() || unit == "s") factor = 1;
  if (unit == "m") factor = 60;
  if (unit == "h") factor = 3600;
  if (unit == "d") factor = 86400;
  if (factor == 0) return wrong("write seconds, or a number with s, m, h or d, such as 24h");
  if (count < 0) return wrong("it is negative");
  if (count == 0 && !zero) return wrong("it is zero");
  if (count > kMost / factor) return wrong("it is above 100 years");
  return std::chrono::seconds(count * factor);
}

}  // namespace kmsd
