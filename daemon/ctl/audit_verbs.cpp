#include <unistd.h>

#include <array>
#include <condition_variable>
#include <iostream>
#include <mutex>
#include <thread>

#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "daemon/terminal.h"

namespace kmsd::ctl {
namespace {

// Shows on a terminal that the server is at work, and for how long.
class Waiting {
 public:
  Waiting() : thread_([this](std::stop_token stop) { show(std::move(stop)); }) {}

 private:
  void show(std::stop_token stop) {
    if (::isatty(STDERR_FILENO) != 1) return;
    std::unique_lock lock(mutex_);
    for (int seconds = 0; !stop.stop_requested(); ++seconds) {
      std::cerr << "\rthe server reads its audit log ... " << seconds << " s" << std::flush;
      wake_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
    }
    std::cerr << "\r\x1B[K" << std::flush;
  }
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

std::string lineOf(const Document& problem) {
  const std::string line = problem.text("line");
  std::string out =
      problem.text("file") + (line == "0" ? "" : ", line " + line) + ": " + problem.text("what");
  if (const std::string accepted = problem.text("accepted"); !accepted.empty())
    out += " (accepted by " + accepted + ")";
  return out;
}

// Those that were told, one a line, and how many more there are.
void printProblems(const Document& report, const std::function<std::string(const Document&)>& line) {
  const auto problems = report.list("problems");
  for (const Document& problem : problems) std::cout << printable(line(problem)) << '\n';
  const auto told = std::to_string(problems.size());
  if (report.text("problem_count") != told)
    std::cout << "... of " << report.text("problem_count") << " problems the first " << told
              << " were told\n";
}

Exit report(const Parsed& parsed, const Document& answer) {
  const auto rows = answer.part("store");
  const bool checked = answer.flag("checkpoints_checked");
  const std::string accepted = answer.text("accepted_count");
  const bool problems =
      answer.text("problem_count") != accepted || (rows && rows->text("problem_count") != "0");
  const Exit exit = answer.flag("sound") || (!problems && !checked) ? Exit::Yes : Exit::No;
  if (parsed.has("json")) {
    const Exit printed = printSecretLine(answer.json());
    return printed == Exit::Yes ? exit : printed;
  }
  const std::string unchecked =
      checked || answer.text("checkpoints") == "0" ? "" : " (not checked while sealed)";
  Fields fields{
      {"files", answer.text("segments")},
      {"lines", answer.text("lines") + ", " + answer.text("sealed_lines") + " written while sealed"},
      {"checkpoints", answer.text("checkpoints") + unchecked},
      {"first", answer.text("first")},
      {"last", answer.text("last")}};
  if (rows)
    fields.push_back({"rows", rows->text("users") + " users, " + rows->text("tokens") + " tokens, " +
                                  rows->text("approvals") + " requests for approval, " +
                                  rows->text("certificates") + " certificates"});
  fields.push_back({"result", exit == Exit::No ? "problems"
                              : checked        ? "sound"
                                               : "chain only: open the server to check the checkpoints"});
  if (accepted != "0")
    fields.push_back({"accepted", accepted + " problems, which an administrator accepted"});
  std::cout << formatFields(fields);
  printProblems(answer, lineOf);
  if (rows)
    printProblems(*rows, [](const Document& one) { return one.text("object") + ": " + one.text("what"); });
  return exit;
}

Exit runVerify(const Parsed& parsed) {
  auto remote = Remote::open(parsed);
  if (!remote) return fail(remote.error());
  remote->waitLong();
  Body body;
  if (parsed.has("store")) body.truth("store", true);
  const auto answer = [&] {
    const Waiting waiting;
    return remote->call("POST", "/v1/audit/verify", &body);
  }();
  if (!answer) return fail(answer.error());
  return answer->good() ? report(parsed, answer->document) : refused(parsed, *answer);
}

constexpr std::array kVerifyOptions = {
    OptionSpec{"store", "", "compare the log with every row of the database too"},
};

constexpr std::array kVerbs = {
    VerbSpec{"audit verify",
             "checks the whole audit log: exit 0 no problem, 1 with problems, one a line",
             {},
             kVerifyOptions,
             "kmsctl audit verify            # Every line and every checkpoint\n"
             "kmsctl audit verify --store    # And whether the database has what the log tells",
             runVerify},
};

}  // namespace

std::span<const VerbSpec> auditVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
