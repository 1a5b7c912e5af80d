// What the load generator sends: one request text, made beforehand, in which at most one word changes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tests::bench {

// A file of words, such as tokens, one a line, all equally long; mapped, not read.
class LineFile {
 public:
  // Errors: the sentence to print.
  static std::optional<std::string> open(const std::string& path, std::unique_ptr<LineFile>& file);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  std::uint64_t lines() const noexcept { return lines_; }
  std::string_view line(std::uint64_t index) const noexcept { return {data_ + index * (width_ + 1), width_}; }

 private:
  LineFile(const char* data, std::size_t size, std::size_t width);
  const char* data_;
  std::size_t size_;
  std::size_t width_;
  std::uint64_t lines_;
};

enum class Draw : std::uint8_t {
  Uniform,  // any line
  Hot,      // one of `hot` lines, spread evenly over the file
  Once      // each line once, in order
};

constexpr std::string_view kPlace = "{line}";

struct RequestPlan {
  std::string method = "POST";
  std::string path = "/v1/tokens/verify";
  std::string body;  // empty: none
  std::string contentType = "application/json";
  bool hex = false;    // body and lines are hexadecimal digits of what is sent
  std::string bearer;  // a token for the Authorization header, or empty
  std::string lines;   // file of words, or empty; one stands where path or body have kPlace
  Draw draw = Draw::Uniform;
  std::uint64_t hot = 0;
  std::uint64_t first = 0;  // line to begin with, where each is used once
};

class Requests {
 public:
  // Errors: the sentence to print.
  static std::optional<std::string> make(const RequestPlan& plan, std::unique_ptr<Requests>& made);

  // Writes the next request to `text`, which keeps its memory. False where each line has been used.
  bool next(std::string& text);

 private:
  Requests() = default;
  std::uint64_t drawn() noexcept;

  RequestPlan plan_;
  std::unique_ptr<LineFile> file_;
  std::string text_;         // with a gap where the word goes
  std::size_t gap_ = 0;      // its place
  std::string word_;         // of hexadecimal digits, as it is sent
  std::uint64_t used_ = 0;   // lines, where each is used once
  std::uint64_t state_ = 0;  // of the generator
};

}  // namespace tests::bench
