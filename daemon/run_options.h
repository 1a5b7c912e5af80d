// What `kmsd run` was told, checked and in its types.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/cli.h"
#include "daemon/keeper.h"

namespace kmsd {

struct RunOptions {
  std::filesystem::path root;
  std::vector<std::string> media;  // medium URIs; none: each driver's usual one
  bool prompt = false;             // the key is typed at the start
  std::vector<std::filesystem::path> sockets;
  OnRemoval onRemoval = OnRemoval::Keep;
  std::chrono::seconds grace{30};
};

// Errors: Invalid; Unsupported for addresses that are no Unix sockets.
base::Result<RunOptions> runOptions(const Parsed& parsed);

// "unix:PATH". Errors: Invalid; Unsupported.
base::Result<std::filesystem::path> parseListen(std::string_view address);
// "keep", "seal" or "grace:SPAN", into `options`. Errors: Invalid.
base::Result<void> parseOnRemoval(std::string_view text, RunOptions& options);

}  // namespace kmsd
