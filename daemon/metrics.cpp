#include "daemon/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>

#include "daemon/cli.h"
#include "daemon/process_facts.h"

namespace kmsd {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr double kNanoseconds = 1e9;  // in a second

constexpr std::array<std::uint64_t, 7> kRequestBounds = {250'000,     1'000'000,   5'000'000,    25'000'000,
                                                         100'000'000, 500'000'000, 2'500'000'000};  // ns
constexpr std::array<std::uint64_t, 6> kJobBounds = {1, 4, 16, 64, 256, 1024};
constexpr std::array<std::uint64_t, 6> kCommitBounds = {500'000,    1'000'000,   5'000'000,
                                                        25'000'000, 100'000'000, 1'000'000'000};  // ns

// The statuses that are counted by their number; all else counts as "other".
constexpr std::array kStatuses = {200, 201, 400, 401, 403, 404, 405, 409, 411, 413, 415, 500, 501, 503, 504};
constexpr std::size_t kOther = kStatuses.size();

std::size_t indexOf(int status) noexcept {
  for (std::size_t i = 0; i < kStatuses.size(); ++i)
    if (kStatuses[i] == status) return i;
  return kOther;
}

double number(std::uint64_t count) { return static_cast<double>(count); }

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily out;
  out.name = std::move(name);
  out.help = std::move(help);
  out.type = type;
  return out;
}

void addCount(MetricFamily& to, std::uint64_t value, Labels labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = number(value);
  to.metric.push_back(std::move(metric));
}

// `unit`: how many of what was counted make one of what is shown.
template <std::size_t N>
void addHistogram(MetricFamily& to, const Distribution<N>& from, double unit, Labels labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  std::uint64_t all = 0;
  for (std::size_t i = 0; i <= N; ++i) {
    all += from.count(i);
    const double bound = i < N ? number(from.bounds()[i]) / unit : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({all, bound});
  }
  metric.histogram.sample_count = all;
  metric.histogram.sample_sum = number(from.sum()) / unit;
  to.metric.push_back(std::move(metric));
}

MetricFamily gaugeFamily(std::string name, std::string help, double value) {
  MetricFamily out = family(std::move(name), std::move(help), MetricType::Gauge);
  out.metric.emplace_back().gauge.value = value;
  return out;
}

void addProcess(std::vector<MetricFamily>& to) {
  const ProcessFacts facts = processFacts();
  to.push_back(gaugeFamily("process_resident_memory_bytes", "Resident memory.", facts.residentBytes));
  to.push_back(gaugeFamily("process_open_fds", "Open file descriptors.", facts.openFiles));
  to.push_back(gaugeFamily("process_max_fds", "File descriptors that may be open.", facts.openFilesMost));
  to.push_back(gaugeFamily("process_start_time_seconds", "When it started, since 1970.", facts.startTime));
  MetricFamily cpu = family("process_cpu_seconds_total", "Time of the processors used.", MetricType::Counter);
  cpu.metric.emplace_back().counter.value = facts.cpuSeconds;
  to.push_back(std::move(cpu));
  MetricFamily build = gaugeFamily("kms_build_info", "Which version this is; always 1.", 1);
  build.metric.front().label = {{"version", std::string(version())}};
  to.push_back(std::move(build));
}

}  // namespace

// What is looked at when the text is made.
struct Metrics::Looked {
  MetricType type;
  std::string name;
  std::string help;
  std::string label;
  Read read;
};

// On cache lines of its own, so that routes do not slow each other down.
struct alignas(64) Metrics::Route {
  explicit Route(RouteName called) : name(std::move(called)) {}
  std::array<Count, kStatuses.size() + 1> answers{};
  Distribution<kRequestBounds.size()> time{kRequestBounds};
  const RouteName name;
};

Metrics::Metrics(std::vector<RouteName> routes) : commitJobs_(kJobBounds), commitTime_(kCommitBounds) {
  for (RouteName& name : routes) routes_.push_back(std::make_unique<Route>(std::move(name)));
  routes_.push_back(std::make_unique<Route>(RouteName{"other", "other"}));
}

Metrics::~Metrics() = default;

void Metrics::addGauge(std::string name, std::string help, std::string label, Read read) {
  looked_.push_back({MetricType::Gauge, std::move(name), std::move(help), std::move(label), std::move(read)});
}

void Metrics::addCounter(std::string name, std::string help, std::string label, Read read) {
  looked_.push_back(
      {MetricType::Counter, std::move(name), std::move(help), std::move(label), std::move(read)});
}

void Metrics::answered(std::size_t route, int status, std::chrono::nanoseconds took) noexcept {
  Route& at = *routes_[std::min(route, routes_.size() - 1)];
  add(at.answers[indexOf(status)], 1);
  at.time.add(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
}

void Metrics::committed(std::size_t jobs, std::chrono::nanoseconds took) noexcept {
  add(commits_, 1);
  commitJobs_.add(jobs);
  commitTime_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
}

struct Metrics::Writer {
  const Metrics& from;
  std::vector<MetricFamily> out{};

  void requests() {
    auto total = family("kms_http_requests_total", "Answered requests.", MetricType::Counter);
    auto time = family("kms_http_request_seconds", "From the request to its answer.", MetricType::Histogram);
    for (const auto& route : from.routes_) {
      const auto& [method, path] = route->name;
      for (std::size_t i = 0; i <= kOther; ++i) {
        const std::uint64_t count = route->answers[i].load(std::memory_order_relaxed);
        const std::string code = i == kOther ? "other" : std::to_string(kStatuses[i]);
        if (count != 0) addCount(total, count, {{"route", path}, {"method", method}, {"code", code}});
      }
      addHistogram(time, route->time, kNanoseconds, {{"route", path}, {"method", method}});
    }
    out.push_back(std::move(total));
    out.push_back(std::move(time));
  }

  void store() {
    auto total = family("kms_store_commits_total", "Transactions of the database.", MetricType::Counter);
    addCount(total, from.commits_.load(std::memory_order_relaxed));
    auto jobs = family("kms_store_commit_jobs", "Changes in a transaction.", MetricType::Histogram);
    addHistogram(jobs, from.commitJobs_, 1);
    auto time = family("kms_store_commit_seconds", "A transaction, with its sync.", MetricType::Histogram);
    addHistogram(time, from.commitTime_, kNanoseconds);
    for (auto* each : {&total, &jobs, &time}) out.push_back(std::move(*each));
  }

  void tokens() {
    auto issued = family("kms_tokens_issued_total", "Issued tokens.", MetricType::Counter);
    constexpr std::array kKinds = {"access", "enrol", "recover"};
    for (std::size_t i = 0; i < kKinds.size(); ++i)
      addCount(issued, from.issued_[i].load(std::memory_order_relaxed), {{"kind", kKinds[i]}});
    auto verified = family("kms_tokens_verified_total", "Verified tokens.", MetricType::Counter);
    constexpr std::array kResults = {"inactive", "active"};
    for (std::size_t i = 0; i < kResults.size(); ++i)
      addCount(verified, from.verified_[i].load(std::memory_order_relaxed), {{"result", kResults[i]}});
    auto revoked =
        family("kms_tokens_revoked_total",
               "Revocations of single tokens, and of all tokens of a user as one.", MetricType::Counter);
    addCount(revoked, from.revoked_.load(std::memory_order_relaxed));
    for (auto* each : {&issued, &verified, &revoked}) out.push_back(std::move(*each));
  }

  void looked() {
    for (const Looked& one : from.looked_) {
      auto made = family(one.name, one.help, one.type);
      for (const auto& [label, value] : one.read()) {
        ClientMetric& metric = made.metric.emplace_back();
        if (!one.label.empty()) metric.label = {{one.label, label}};
        (one.type == MetricType::Gauge ? metric.gauge.value : metric.counter.value) = value;
      }
      out.push_back(std::move(made));
    }
  }
};

std::string Metrics::text() const {
  Writer writer{*this};
  writer.looked();
  writer.tokens();
  writer.requests();
  writer.store();
  addProcess(writer.out);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, writer.out);
  return std::move(out).str();
}

}  // namespace kmsd
