#include "daemon/media/plugins.h"

#include <dlfcn.h>

#include <algorithm>
#include <bit>
#include <exception>

#include "daemon/media/crash_note.h"
#include "daemon/media/trusted_dir.h"
#include "hal/driver_plugin.h"
#include "hal/reader_protocol.h"

namespace kmsd::media {
namespace {

using base::Code;
using base::Error;
using base::Result;
using Made = Result<std::unique_ptr<hal::Driver>>;

constexpr std::size_t kMostDrivers = 16;
constexpr std::size_t kLongestScheme = 32;  // bytes
constexpr const char* kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";

Error refuse(const std::string& path, const std::string& why) {
  return {Code::Denied, "the driver " + path + " " + why};
}

std::size_t threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

// What the loader says, with the file's name in place of its descriptor's.
std::string loaderSays(const std::string& opened) {
  const char* said = ::dlerror();
  std::string why = said == nullptr ? "it cannot be loaded" : said;
  if (why.starts_with(opened + ": ")) why.erase(0, opened.size() + 2);
  return hal::reader::cleanText(why, 300);
}

Result<void> checkInfo(const hal::DriverPlugin* plugin, const std::string& path,
                       std::span<const hal::DriverEntry> others) {
  if (plugin == nullptr) return refuse(path, "gives no driver");
  if (plugin->abi != hal::kDriverAbi)
    return refuse(path, "was built for another version of keydisk (ABI " + std::to_string(plugin->abi) +
                            ", here " + std::to_string(hal::kDriverAbi) +
                            "); build it anew against the headers of this one");
  if (plugin->info == nullptr || plugin->make == nullptr) return refuse(path, "gives no driver");
  const std::string scheme(plugin->info->scheme);
  if (scheme.empty() || scheme.size() > kLongestScheme || scheme.find_first_not_of(kLetters) != scheme.npos)
    return refuse(path, "has no proper scheme: small letters, digits and '-', 32 at most");
  const bool taken = scheme == "prompt" || std::ranges::any_of(others, [&](const hal::DriverEntry& other) {
                       return other.info->scheme == scheme;
                     });
  if (taken) return refuse(path, "brings the scheme '" + scheme + "', which is there already");
  if (!hal::reader::showable(plugin->info->summary) || !hal::reader::showable(plugin->info->forms))
    return refuse(path, "describes itself in what is no plain text");
  return {};
}

// `call` into a driver's code, with no exception out of it.
template <class Call>
auto guarded(int socket, bool asked, const std::string& path, const Call& call) -> Result<decltype(call())> {
  auto note = CrashNote::set(socket, asked, path);
  if (!note) return std::move(note).error();
  try {
    return call();
  } catch (const std::exception& thrown) {
    return refuse(path, "failed: " + hal::reader::cleanText(thrown.what(), 200));
  } catch (...) {
    return refuse(path, "failed with an exception of its own");
  }
}

Result<hal::DriverEntry> load(const std::string& path, const std::string& opened, int socket,
                              std::span<const hal::DriverEntry> others) {
  // Never closed: drivers and their texts live as long as the process.
  const auto library =
      guarded(socket, false, path, [&] { return ::dlopen(opened.c_str(), RTLD_NOW | RTLD_LOCAL); });
  if (!library) return library.error();
  if (*library == nullptr) return refuse(path, "cannot be loaded: " + loaderSays(opened));
  const auto entry = std::bit_cast<hal::DriverEntryPoint>(::dlsym(*library, hal::kDriverEntry));
  if (entry == nullptr)
    return refuse(path, "has no function " + std::string(hal::kDriverEntry) +
                            "(), so it is none for this version of keydisk");
  const auto plugin = guarded(socket, false, path, entry);
  if (!plugin) return plugin.error();
  if (auto fits = checkInfo(*plugin, path, others); !fits) return std::move(fits).error();
  const auto make = [path, socket, plugin = *plugin](std::string_view target) -> Made {
    auto made = guarded(socket, true, path, [&] { return plugin->make(target); });
    if (!made) return std::move(made).error();
    if (*made && **made == nullptr) return refuse(path, "made no driver");
    return *std::move(made);
  };
  return hal::DriverEntry{(*plugin)->info, make};
}

}  // namespace

Result<std::vector<hal::DriverEntry>> loadDrivers(std::span<const hal::DriverEntry> builtin,
                                                  const std::filesystem::path& directory, int socket) {
  std::vector<hal::DriverEntry> all(builtin.begin(), builtin.end());
  if (directory.empty()) return all;
  auto trusted = TrustedDir::open(directory);
  if (!trusted) return std::move(trusted).error();
  const auto names = trusted->list(".so", kMostDrivers);
  if (!names) return names.error();
  const std::size_t before = threads();
  std::vector<base::Fd> files;  // open together: the loader takes one number for one file
  for (const std::string& name : *names) {
    auto file = trusted->openFile(name);
    if (!file) return std::move(file).error();
    // By what was looked at; the name may be another file's by now.
    auto entry = load(trusted->pathOf(name), "/proc/self/fd/" + std::to_string(file->get()), socket, all);
    if (!entry) return std::move(entry).error();
    files.push_back(*std::move(file));
    all.push_back(*std::move(entry));
    if (threads() != before)
      return refuse(trusted->pathOf(name), "starts a thread when it is loaded, out of reach of the shield");
  }
  return all;
}

}  // namespace kmsd::media
