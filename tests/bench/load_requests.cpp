#include "tests/bench/load_requests.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <utility>

#include "hal/base/fd.h"

namespace tests::bench {

LineFile::LineFile(const char* data, std::size_t size, std::size_t width)
    : data_(data), size_(size), width_(width), lines_(size / (width + 1)) {}

LineFile::~LineFile() { ::munmap(const_cast<char*>(data_), size_); }

std::optional<std::string> LineFile::open(const std::string& path, std::unique_ptr<LineFile>& file) {
  const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || info.st_size == 0) return "cannot read lines from " + path;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd.get(), 0);
  if (mapped == MAP_FAILED) return "cannot map " + path;
  const char* data = static_cast<const char*>(mapped);
  const char* end = static_cast<const char*>(std::memchr(data, '\n', size));
  const std::size_t width = end == nullptr ? size : static_cast<std::size_t>(end - data);
  file.reset(new LineFile(data, size, width));
  if (end == nullptr || size % (width + 1) != 0) return path + " has not one word a line, all equally long";
  return std::nullopt;
}

namespace {

unsigned digit(char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10) & 0xFU; }

// Whatever stands in the text is taken for digits: it is the benchmark's own.
void appendHex(std::string_view digits, std::string& out) {
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out.push_back(static_cast<char>(digit(digits[i]) << 4U | digit(digits[i + 1])));
}

// Puts `word` in the place of kPlace, and tells where that is from the end of `text`; 0: there is none.
std::size_t fill(std::string& text, std::string_view word) {
  const std::size_t at = text.find(kPlace);
  if (at == std::string::npos) return 0;
  const std::size_t rest = text.size() - at - kPlace.size();
  text.replace(at, kPlace.size(), word);
  return rest + word.size();
}

}  // namespace

std::optional<std::string> Requests::make(const RequestPlan& plan, std::unique_ptr<Requests>& made) {
  std::unique_ptr<Requests> requests(new Requests());
  requests->plan_ = plan;
  requests->used_ = plan.first;
  requests->state_ = std::random_device()() | 1U;
  std::string head = plan.method + " " + plan.path;
  std::string body = plan.body;
  std::size_t inHead = 0;
  std::size_t inBody = 0;
  if (!plan.lines.empty()) {
    if (auto wrong = LineFile::open(plan.lines, requests->file_)) return wrong;
    if (plan.draw == Draw::Hot && (plan.hot == 0 || plan.hot > requests->file_->lines()))
      return "there are only " + std::to_string(requests->file_->lines()) + " lines for --hot";
    inHead = fill(head, requests->file_->line(0));
    if (inHead == 0) inBody = fill(body, requests->file_->line(0));
    if (inHead == 0 && inBody == 0) return "neither --path nor --body has " + std::string(kPlace);
    inHead = head.size() - inHead;
  }
  if (plan.hex) {
    appendHex(std::exchange(body, {}), body);
    inBody /= 2;
  }
  std::string& text = requests->text_;
  text = head + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!plan.bearer.empty()) text += "Authorization: Bearer " + plan.bearer + "\r\n";
  if (!body.empty())
    text +=
        "Content-Type: " + plan.contentType + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  text += "\r\n";
  text += body;
  requests->gap_ = inBody != 0 ? text.size() - inBody : inHead;
  made = std::move(requests);
  return std::nullopt;
}

// xorshift64*: some cycles a number, and even enough to draw lines.
std::uint64_t Requests::drawn() noexcept {
  state_ ^= state_ >> 12;
  state_ ^= state_ << 25;
  state_ ^= state_ >> 27;
  return state_ * 0x2545F4914F6CDD1DU;
}

bool Requests::next(std::string& text) {
  std::uint64_t line = 0;
  if (file_ && plan_.draw == Draw::Once) {
    if (used_ >= file_->lines()) return false;
    line = used_++;
  } else if (file_ && plan_.draw == Draw::Hot) {
    line = (drawn() >> 20) % plan_.hot * (file_->lines() / plan_.hot);
  } else if (file_) {
    line = (drawn() >> 20) % file_->lines();
  }
  text = text_;
  if (file_) {
    const std::string_view word = file_->line(line);
    if (plan_.hex) {
      word_.clear();
      appendHex(word, word_);
      std::memcpy(text.data() + gap_, word_.data(), word_.size());
    } else {
      std::memcpy(text.data() + gap_, word.data(), word.size());
    }
  }
  return true;
}

}  // namespace tests::bench
