#include "tests/bench/load_requests.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "hal/base/fd.h"

namespace tests::bench {

TokenFile::TokenFile(const char* data, std::size_t size, std::size_t width)
    : data_(data), size_(size), width_(width), lines_(size / (width + 1)) {}

TokenFile::~TokenFile() { ::munmap(const_cast<char*>(data_), size_); }

std::optional<std::string> TokenFile::open(const std::string& path, std::unique_ptr<TokenFile>& file) {
  const base::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || info.st_size == 0) return "cannot read tokens from " + path;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd.get(), 0);
  if (mapped == MAP_FAILED) return "cannot map " + path;
  const char* data = static_cast<const char*>(mapped);
  const char* end = static_cast<const char*>(std::memchr(data, '\n', size));
  const std::size_t width = end == nullptr ? size : static_cast<std::size_t>(end - data);
  file.reset(new TokenFile(data, size, width));
  if (end == nullptr || size % (width + 1) != 0) return path + " has not one token a line, all equally long";
  return std::nullopt;
}

std::optional<std::string> Requests::make(const RequestPlan& plan, std::unique_ptr<Requests>& made) {
  std::unique_ptr<Requests> requests(new Requests());
  requests->plan_ = plan;
  requests->used_ = plan.first;
  requests->state_ = std::random_device()() | 1U;
  std::string body = plan.body;
  std::size_t gap = 0;
  if (!plan.tokens.empty()) {
    if (auto wrong = TokenFile::open(plan.tokens, requests->file_)) return wrong;
    if (plan.draw == Draw::Hot && (plan.hot == 0 || plan.hot > requests->file_->lines()))
      return "there are only " + std::to_string(requests->file_->lines()) + " tokens for --hot";
    body = "{\"token\":\"";
    gap = body.size();
    body += std::string(requests->file_->line(0)) + "\"}";
  }
  std::string& text = requests->text_;
  text = plan.method + " " + plan.path + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!plan.bearer.empty()) text += "Authorization: Bearer " + plan.bearer + "\r\n";
  if (!body.empty())
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  text += "\r\n";
  requests->gap_ = text.size() + gap;
  text += body;
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
    const std::string_view token = file_->line(line);
    std::memcpy(text.data() + gap_, token.data(), token.size());
  }
  return true;
}

}  // namespace tests::bench
