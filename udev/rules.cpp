#include "udev/rules.h"

#include "hal/base/utf8.h"

namespace udev {
namespace {

// Its number: behind 60-persistent-storage.rules, which finds labels, and behind 70-uaccess.rules, whose tag
// is asked for. A tag cannot be taken away again here: since systemd 247, TAG-= leaves what TAG== sees.
constexpr std::string_view kHead =
    R"(# 72-keydisk.rules: who may open key media, what they are called, and what their coming starts. README.md beside the
# source of this file tells why. Written from the drivers' tables (drivers/*/udev.h) by
#   cmake --build build --target renew_udev_rules
# Do not edit: rules of your own go to a later file, /etc/udev/rules.d/99-local.rules say.

ACTION=="remove", GOTO="keydisk_end"
)";
constexpr std::string_view kTail = "\nLABEL=\"keydisk_end\"\n";

constexpr std::string_view kStart = R"(TAG+="systemd", ENV{SYSTEMD_WANTS}+="kmsd-insert.service")";

bool plain(std::string_view text) {
  return !text.empty() && text.find('"') == std::string_view::npos && base::validUtf8(text) &&
         !base::hasControl(text);
}

std::string assignments(const hal::UdevMatch& match) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (!match.group.empty()) {
    add("GROUP=\"" + std::string(match.group) + "\", MODE=\"0660\"");
  }
  if (!match.link.empty()) add("SYMLINK+=\"" + std::string(match.link) + "\"");
  if (match.hideFromDesktop) add("ENV{UDISKS_IGNORE}=\"1\"");
  if (match.startOnInsertion) add(std::string(kStart));
  return text;
}

base::Result<std::string> rule(const hal::UdevMatch& match) {
  const std::string given = assignments(match);
  bool valid = plain(match.what) && plain(match.subsystem) && !match.tests.empty() && !given.empty();
  valid = valid && (match.group.empty() || plain(match.group)) && (match.link.empty() || plain(match.link));
  std::string text = "# " + std::string(match.what) + "\nSUBSYSTEM==\"" + std::string(match.subsystem) + "\"";
  for (const hal::UdevTest& test : match.tests) {
    valid = valid && plain(test.key) && plain(test.value);
    text += ", " + std::string(test.key) + (test.equal ? "==\"" : "!=\"") + std::string(test.value) + "\"";
  }
  if (!valid) {
    return base::Error{base::Code::Invalid, "a udev table has a row that no rule can be made of: " + text};
  }
  return text + ", \\\n  " + given + "\n";
}

}  // namespace

base::Result<std::string> rules(std::span<const Section> sections) {
  std::string text(kHead);
  for (const Section& section : sections) {
    text += "\n# ---- " + std::string(section.driver) + ": " + std::string(section.summary) + "\n";
    for (const hal::UdevMatch& match : section.matches) {
      auto one = rule(match);
      if (!one) return std::move(one).error();
      text += *one;
    }
  }
  return text + std::string(kTail);
}

}  // namespace udev
