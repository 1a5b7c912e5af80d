#include "daemon/run_options.h"

#include "daemon/media_port.h"

namespace kmsd {
namespace {

base::Error invalid(std::string what) { return {base::Code::Invalid, std::move(what)}; }

}  // namespace

base::Result<std::filesystem::path> parseListen(std::string_view address) {
  constexpr std::string_view kUnix = "unix:";
  constexpr std::size_t kLongest = 107;  // bytes, of sun_path
  if (address.starts_with("http://") || address.starts_with("https://"))
    return base::Error{
        base::Code::Unsupported,
        "--listen " + std::string(address) + ": only Unix sockets (unix:PATH) are served in this version"};
  if (!address.starts_with(kUnix))
    return invalid("--listen takes unix:PATH, not '" + std::string(address) + "'");
  address.remove_prefix(kUnix.size());
  if (address.empty() || address.size() > kLongest || address.find('\0') != std::string_view::npos)
    return invalid("--listen unix:PATH needs a path of 1 to 107 bytes");
  return std::filesystem::path(address);
}

base::Result<void> parseOnRemoval(std::string_view text, RunOptions& options) {
  constexpr std::string_view kGrace = "grace:";
  if (text == "keep") {
    options.onRemoval = OnRemoval::Keep;
  } else if (text == "seal") {
    options.onRemoval = OnRemoval::Seal;
  } else if (text.starts_with(kGrace)) {
    auto span = parseSpan(text.substr(kGrace.size()));
    if (!span) return invalid("--on-removal " + std::string(text) + ": " + span.error().what);
    options.onRemoval = OnRemoval::Grace;
    options.grace = *span;
  } else {
    return invalid("--on-removal takes keep, seal or grace:SECONDSs, not '" + std::string(text) + "'");
  }
  return {};
}

base::Result<RunOptions> runOptions(const Parsed& parsed) {
  RunOptions options;
  options.root = parsed.text("data-dir");
  for (std::string& uri : parsed.texts("medium")) {
    if (uri == kPromptUri) {
      options.prompt = true;
    } else {
      options.media.push_back(std::move(uri));
    }
  }
  for (const std::string& address : parsed.texts("listen")) {
    auto path = parseListen(address);
    if (!path) return std::move(path).error();
    options.sockets.push_back(*std::move(path));
  }
  if (auto policy = parseOnRemoval(parsed.text("on-removal"), options); !policy)
    return std::move(policy).error();
  return options;
}

}  // namespace kmsd
