#include "tests/bench/load_run.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <memory>
#include <vector>

#include "tests/bench/load_answer.h"

namespace tests::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kSilent{10};  // without any answer: the server hangs
constexpr std::string_view kToken = "\"token\":\"";

struct Lane {
  std::unique_ptr<Link> link;
  std::string request;
  std::string answer;
  std::size_t sent = 0;
  Clock::time_point began{};
  bool busy = false;
  bool wantsWrite = false;
};

class Load {
 public:
  Load(const LoadPlan& plan, Requests& requests, LoadResult& result)
      : plan_(plan), requests_(requests), result_(result), poll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  std::optional<std::string> connect() {
    if (!plan_.save.empty()) saved_.open(plan_.save, std::ios::app);
    lanes_.resize(plan_.connections);
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      if (!open(i)) return "cannot connect to the server";
    }
    times_.reserve(1U << 20U);
    return std::nullopt;
  }

  void run() {
    const auto length = [](auto d) { return std::chrono::duration_cast<Clock::duration>(d); };
    counted_ = Clock::now() + length(plan_.warmUp);
    end_ = counted_ + length(plan_.time);
    for (std::size_t i = 0; i < lanes_.size(); ++i) begin(i);
    last_ = Clock::now();
    std::array<epoll_event, 64> events{};
    while (busy_ > 0) {
      const int found = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), 1000);
      if (found < 0 && errno != EINTR) return fail("epoll_wait failed");
      if (plan_.stop != nullptr && *plan_.stop) end_ = std::min(end_, Clock::now());
      if (found == 0 && Clock::now() - last_ > kSilent) return fail("the server does not answer any more");
      for (int i = 0; i < found; ++i) serve(events[static_cast<std::size_t>(i)].data.u64);
    }
    finish();
  }

 private:
  bool watch(int operation, std::size_t lane, std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.u64 = lane;
    return ::epoll_ctl(poll_.get(), operation, lanes_[lane].link->fd(), &event) == 0;
  }

  bool open(std::size_t lane) {
    lanes_[lane].link = Link::open(plan_.target, tls_);
    lanes_[lane].wantsWrite = false;
    return lanes_[lane].link && watch(EPOLL_CTL_ADD, lane, EPOLLIN);
  }

  void fail(std::string why) {
    ++result_.errors;
    if (result_.firstError.empty()) result_.firstError = std::move(why);
  }

  // The lane's next request, where there is one to be sent.
  void begin(std::size_t index) {
    Lane& lane = lanes_[index];
    const auto now = Clock::now();
    if (now >= end_ || (plan_.count != 0 && begun_ >= plan_.count) || !requests_.next(lane.request)) return;
    ++begun_;
    ++busy_;
    lane.busy = true;
    lane.sent = 0;
    lane.began = now;
    if (!lane.link && !open(index)) return lost(lane, "a connection was refused");
    send(index);
  }

  void send(std::size_t index) {
    Lane& lane = lanes_[index];
    const auto progress = lane.link->send(lane.request, lane.sent);
    if (progress == Link::Progress::Broken) return end(index, "a connection broke while a request was sent");
    const bool wants = progress == Link::Progress::Again;
    if (wants != lane.wantsWrite) {
      lane.wantsWrite = wants;
      watch(EPOLL_CTL_MOD, index, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
  }

  // A lane whose connection is gone ends there; that is an error.
  void end(std::size_t index, std::string why) {
    watch(EPOLL_CTL_DEL, index, 0);
    lost(lanes_[index], std::move(why));
  }

  void lost(Lane& lane, std::string why) {
    if (lane.busy) --busy_;
    lane.busy = false;
    fail(std::move(why));
  }

  void serve(std::size_t index) {
    Lane& lane = lanes_[index];
    if (lane.wantsWrite) send(index);
    for (;;) {
      const auto progress = lane.link->receive(lane.answer);
      if (progress == Link::Progress::Again) return;
      if (progress == Link::Progress::Broken) return end(index, "the server closed a connection");
      const auto answer = readAnswer(lane.answer);
      if (!answer) continue;
      judge(lane, *answer);
      const bool ends = answer->closes && !plan_.reconnect;
      if (answer->status == 0 || ends || answer->size != lane.answer.size())
        return end(index, "an answer has no length, ends the connection or is longer than it says");
      lane.answer.clear();
      lane.busy = false;
      --busy_;
      if (plan_.reconnect) lane.link.reset();
      return begin(index);
    }
  }

  void judge(const Lane& lane, const Answer& answer) {
    const auto now = Clock::now();
    last_ = now;
    if (answer.status != plan_.status || answer.body.find(plan_.marker) == std::string_view::npos)
      return fail("status " + std::to_string(answer.status) + ": " + std::string(answer.body.substr(0, 200)));
    if (saved_.is_open()) save(answer.body);
    if (now < counted_) return;
    lastCounted_ = now;
    const auto taken = std::chrono::duration_cast<std::chrono::nanoseconds>(now - lane.began).count();
    times_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(taken, UINT32_MAX)));
  }

  void save(std::string_view body) {
    const std::size_t at = body.find(kToken);
    if (at == std::string_view::npos) return fail("an answer has no token to be saved");
    body.remove_prefix(at + kToken.size());
    saved_ << body.substr(0, body.find('"')) << '\n';
  }

  void finish() {
    result_.requests = times_.size();
    result_.sent = begun_;
    // Where the requests ran out, the time did not.
    const auto until = lastCounted_ < end_ && plan_.count != 0 ? lastCounted_ : std::max(lastCounted_, end_);
    result_.seconds = std::chrono::duration<double>(until - counted_).count();
    if (times_.empty()) return;
    const auto quantile = [this](std::size_t percent) {
      const auto place = times_.begin() + static_cast<std::ptrdiff_t>((times_.size() - 1) * percent / 100);
      std::nth_element(times_.begin(), place, times_.end());
      return static_cast<double>(*place) / 1000.0;
    };
    result_.p50 = quantile(50);
    result_.p99 = quantile(99);
    result_.longest = quantile(100);
  }

  const LoadPlan& plan_;
  Requests& requests_;
  LoadResult& result_;
  TlsClient tls_;
  base::Fd poll_;
  std::vector<Lane> lanes_;
  std::vector<std::uint32_t> times_;  // nanoseconds
  std::ofstream saved_;
  std::uint64_t begun_ = 0;
  std::size_t busy_ = 0;
  Clock::time_point counted_{};  // from here on answers count
  Clock::time_point end_{};
  Clock::time_point last_{};  // answer
  Clock::time_point lastCounted_{};
};

}  // namespace

std::optional<std::string> runLoad(const LoadPlan& plan, Requests& requests, LoadResult& result) {
  Load load(plan, requests, result);
  if (auto wrong = load.connect()) return wrong;
  load.run();
  return std::nullopt;
}

}  // namespace tests::bench
