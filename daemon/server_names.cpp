#include "daemon/server_names.h"

#include <unistd.h>

#include <algorithm>

#include "kms/pki/subject.h"

namespace kmsd {
namespace {

constexpr const char* kLocal = "localhost";

bool isEveryAddress(const std::string& host) {
  const auto bytes = kms::pki::addressBytes(host);
  return bytes && std::ranges::all_of(*bytes, [](std::byte b) { return b == std::byte{0}; });
}

bool isLoopback(const std::string& host) {
  const bool bracketed = host.find(':') != std::string::npos;
  return host == kLocal || parseLoopback((bracketed ? "[" + host + "]" : host) + ":0");
}

}  // namespace

bool isServerName(const std::string& name) {
  if (kms::pki::addressBytes(name)) return true;
  kms::pki::Subject subject;
  subject.commonName = "a server";
  subject.dns = {name};
  return bool(kms::pki::checkSubject(subject));
}

std::vector<std::string> serverNames(const RunOptions& options, const std::string& host) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (isServerName(name) && std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const Listen& at : options.listen)
    if (at.transport == http::Transport::Https && !isEveryAddress(at.host)) add(at.host);
  for (const Listen& at : options.listen)
    if (at.transport == http::Transport::Https && isLoopback(at.host)) add(kLocal);
  add(host);
  for (const std::string& name : options.tlsNames) add(name);
  if (names.empty()) add(kLocal);
  return names;
}

std::string hostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : std::string();
}

}  // namespace kmsd
