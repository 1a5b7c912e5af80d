// What kmsd says to kmsd-media on its command line, behind the marker.
#pragma once

namespace kmsd::media {

inline constexpr const char* kMarker = "--started-by-kmsd";  // with a socket as descriptor 3
inline constexpr const char* kWritable = "--writable";  // a command that makes media; else nothing is written
inline constexpr const char* kEpoch = "--medium-epoch";    // but for the two sectors of KMSEPOCH.BIN
inline constexpr const char* kCards = "--cards";           // pcscd is needed
inline constexpr const char* kNobody = "--nobody";         // and nothing else: root becomes nobody
inline constexpr const char* kDriverDir = "--driver-dir";  // and a directory: drivers that are loaded from it
inline constexpr const char* kRead = "--read";             // and a full path: a medium, or a folder of media

}  // namespace kmsd::media
