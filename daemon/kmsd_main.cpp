// kmsd: the verbs that work on this host's data and media.
#include <vector>

#include "daemon/verb_medium.h"
#include "daemon/verb_run.h"
#include "daemon/verb_setup.h"

int main(int argc, char** argv) {
  std::vector<kmsd::VerbSpec> verbs = {kmsd::kSetupVerb, kmsd::kRunVerb};
  const auto media = kmsd::mediumVerbs();
  verbs.insert(verbs.end(), media.begin(), media.end());
  const kmsd::ProgramSpec program{
      "kmsd", "a key management server that opens only with its key medium", {}, verbs, "/etc/kms/kmsd.conf"};
  return kmsd::runProgram(program, argc, argv);
}
