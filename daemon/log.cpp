#include "daemon/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <string>

#include "daemon/cli.h"

namespace kmsd::log {
namespace {

bool toJournal = false;  // set once by start, before there are threads

std::string_view priority(Level level) {
  switch (level) {
    case Level::Info:
      return "<6>";
    case Level::Warning:
      return "<4>";
    case Level::Error:
      return "<3>";
  }
  return "<3>";
}

spdlog::level::level_enum levelOf(Level level) {
  switch (level) {
    case Level::Info:
      return spdlog::level::info;
    case Level::Warning:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void start(bool journal) {
  toJournal = journal;
  auto logger = std::make_shared<spdlog::logger>("kmsd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern(journal ? "%v" : "%Y-%m-%dT%H:%M:%SZ %l %v", spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void write(Level level, int event, std::string_view text) {
  std::string line(toJournal ? priority(level) : "");
  line += printable(text);
  if (event != 0) line += " [" + std::to_string(event) + "]";
  spdlog::default_logger_raw()->log(levelOf(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace kmsd::log
