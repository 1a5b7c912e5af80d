#include "daemon/ctl/bulk_output.h"

#include <sys/stat.h>
#include <unistd.h>

#include "daemon/ctl/bulk_report.h"

namespace kmsd::ctl {

using base::Error;
using base::Result;

Result<BulkOutput> BulkOutput::open(const Parsed& parsed, Earlier earlier) {
  BulkOutput output;
  output.json_ = parsed.has("json");
  output.fd_ = STDOUT_FILENO;
  output.name_ = "standard output";
  if (parsed.has("output")) {
    output.name_ = parsed.text("output");
    bool empty = true;
    auto file = openLines(output.name_, [&](std::string_view) { empty = false; });
    if (!file) return std::move(file).error();
    struct stat about {};
    if (::fstat(file->fd.get(), &about) != 0 || about.st_size > 0) empty = false;
    if (!empty && earlier == Earlier::None)
      return Error{base::Code::Conflict, output.name_ + " is there already; name another file for --output"};
    if (auto cut = cutTail(*file, output.name_); !cut) return std::move(cut).error();
    output.lacksEarlier_ = empty && earlier == Earlier::Done;
    output.own_ = std::move(file->fd);
    output.fd_ = output.own_.get();
  }
  struct stat about {};
  output.sync_ = ::fstat(output.fd_, &about) == 0 && S_ISREG(about.st_mode);
  if (output.json_) output.put(R"({"items":[)");
  return output;
}

void BulkOutput::put(std::string_view text) { waiting_.insert(waiting_.end(), text.begin(), text.end()); }

void BulkOutput::field(std::string_view text, bool last) {
  put(text);
  put(last ? "\n" : "\t");
}

void BulkOutput::item(const base::SecretText& object) {
  if (begun_) put(",");
  begun_ = true;
  put(base::view(object));
}

Result<void> BulkOutput::flush() {
  if (torn_) return *torn_;
  if (waiting_.empty()) return {};
  auto done = appendTo(fd_, base::view(waiting_), sync_, name_);
  waiting_.clear();
  // What came behind a line that was cut short would be read as a part of it.
  if (!done) torn_ = done.error();
  return done;
}

Result<void> BulkOutput::finish() {
  if (json_) {
    put("],\"next\":null");
    if (!problem_.empty()) put(",\"problem\":");
    put(base::view(problem_));
    put("}\n");
  }
  return flush();
}

}  // namespace kmsd::ctl
