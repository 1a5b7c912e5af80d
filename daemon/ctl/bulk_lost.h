// Access tokens that a batch may have issued though its answer never came: nobody has their texts. They are
// found by the list of their users' tokens and revoked, so that the users can be given new ones.
#pragma once

#include "daemon/ctl/bulk_run.h"
#include "daemon/ctl/bulk_verbs.h"

namespace kmsd::ctl {

struct LostSearch {
  IssueOptions asked;      // what the batch asked for; other tokens are left alone
  bool sameClock = false;  // this host's clock is the server's
};

// Puts a row "lost" into the report for each user. Exit::Yes: the users can be asked for again.
Exit revokeLost(Remote& remote, BulkReport& report, const Unanswered& users, const Interrupt& stop,
                const LostSearch& search);

// Whether a token of the list was issued by a batch that was sent at this time. Pure.
bool mayBeLost(const Document& token, base::Time sent, const LostSearch& search);

}  // namespace kmsd::ctl
