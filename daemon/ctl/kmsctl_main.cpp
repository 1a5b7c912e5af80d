// kmsctl: talks to a running kmsd.
#include <unistd.h>

#include <csignal>

#include "daemon/ctl/verbs.h"

namespace {

// A prompt sets the terminal so that Ctrl-C comes as a character; here no terminal has to be set back.
extern "C" void onInterrupt(int) { ::_exit(static_cast<int>(kmsd::Exit::Interrupted)); }

}  // namespace

int main(int argc, char** argv) {
  if (std::signal(SIGINT, onInterrupt) == SIG_IGN) std::signal(SIGINT, SIG_IGN);
  return kmsd::runProgram(kmsd::ctl::program(), argc, argv);
}
