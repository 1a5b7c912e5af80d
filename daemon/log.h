// The daemon's log: one line an entry on stderr, with its event id, through spdlog. Under systemd each line
// begins with its priority, "<4>", and the journal adds the time. No secret ever comes here. Safe to use from
// several threads.
#pragma once

#include <string_view>

namespace kmsd::log {

enum class Level { Info, Warning, Error };

// Before the first entry. `journal`: stderr is the journal's.
void start(bool journal);
// `event`: a kms::Event or 0 for none. Control characters in `text` are escaped.
void write(Level level, int event, std::string_view text);

inline void info(std::string_view text, int event = 0) { write(Level::Info, event, text); }
inline void warning(std::string_view text, int event = 0) { write(Level::Warning, event, text); }
inline void error(std::string_view text, int event = 0) { write(Level::Error, event, text); }

}  // namespace kmsd::log
