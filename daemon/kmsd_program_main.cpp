#include "daemon/kmsd_program.h"

#include <vector>

#include "daemon/verb_backup.h"
#include "daemon/verb_medium.h"
#include "daemon/verb_restore.h"
#include "daemon/verb_run.h"
#include "daemon/verb_setup.h"
#include "daemon/verb_slots.h"

namespace kmsd {

const ProgramSpec& kmsdProgram() {
  static const std::vector<VerbSpec> kVerbs = [] {
    std::vector<VerbSpec> all = {kSetupVerb, kRunVerb, kRekeyVerb, kRotateVerb};
    all.insert(all.end(), {kBackupCheckVerb, kBackupVerb, kRestoreVerb, kMovePlanVerb});
    const auto media = mediumVerbs();
    all.insert(all.end(), media.begin(), media.end());
    return all;
  }();
  static const ProgramSpec kProgram{"kmsd",
                                    "a key management server that opens only with its key medium",
                                    {},
                                    kVerbs,
                                    "/etc/kms/kmsd.conf"};
  return kProgram;
}

}  // namespace kmsd
