#include "daemon/verb_medium.h"

#include "daemon/driver_dir.h"
#include "daemon/passphrase.h"
#include "daemon/pin_file.h"
#include "daemon/verb_slots.h"

namespace kmsd {
namespace {

constexpr OptionSpec kJson = {"json", "", "print one JSON document and nothing else"};
constexpr OptionSpec kFormat = {
    "format", "", "use a medium that holds other data: the data are lost", "", false, false, true};
constexpr OptionSpec kDestroy = {
    "destroy-key",
    "ID",
    "use the medium that holds this key (its medium id, or 'unnamed'): the key is lost",
    "",
    true,
    false,
    true};

constexpr ArgumentSpec kUri[] = {{"URI", "the medium, such as floppy:A: or image:FILE"}};
constexpr ArgumentSpec kTwoUris[] = {{"FROM", "the medium to copy"}, {"TO", "the medium to make"}};

constexpr OptionSpec kListOptions[] = {
    {"medium", "URI", "look there, for cards at card:; without it: in drive A: and at USB sticks", "", true},
    {"slots", "", "show the server's key slots instead: whose they are, when made and last used", "", false,
     false, true},
    kDataDirOption,
    kDriverDirOption,
    kJson};
constexpr OptionSpec kCheckOptions[] = {
    {"data-dir", "DIR", "also say whether it opens the server in DIR (takes about a second)"},
    kPinFileOption,
    kDriverDirOption,
    kJson};
constexpr OptionSpec kCreateOptions[] = {
    {"type", "", "ask for the 14 characters on the terminal, as is done without --pwd-file", "", false, false,
     true},
    {"pwd-file", "FILE", "read the 14 characters from FILE, or from standard input where it is '-'", "",
     false, false, true},
    {"server-id", "UUID", "the server whose key it is; with --medium-id", "", false, false, true},
    {"medium-id", "UUID", "the medium's id, as 'kmsctl status' names it; with --server-id", "", false, false,
     true},
    {"label", "TEXT", "what is shown for it, 24 bytes at most; with --server-id", "", false, false, true},
    {"threshold", "K",
     "of a share: how many open together; with --server-id, and the set's id as --medium-id", "", false,
     false, true},
    kFormat,
    kDestroy,
    kPinFileOption,
    kDriverDirOption};
constexpr ArgumentSpec kMediumId[] = {{"ID", "the medium's id, as 'kmsd medium list --slots' shows it"}};
constexpr ArgumentSpec kNewUris[] = {
    {"URI", "the medium to make; with --shares one for each share, or one drive for all", true, true}};
constexpr OptionSpec kAddOptions[] = {
    kDataDirOption,
    kShownOption,
    {"shares", "K/N", "split the key over N media, any K of which open, such as 2/3", "", false, false, true},
    {"label", "TEXT", "what is shown for it, 24 bytes at most; without it: the organisation and a number", "",
     false, false, true},
    kPassphraseOption,
    kPassphraseFileOption,
    kFormat,
    kDestroy,
    kPinFileOption,
    kDriverDirOption};
constexpr OptionSpec kRetireOptions[] = {kDataDirOption,  kShownOption,   kDropOption,
                                         kNoRotateOption, kPinFileOption, kDriverDirOption};
constexpr OptionSpec kCopyOptions[] = {kFormat, kDestroy, kPinFileOption, kDriverDirOption};
constexpr OptionSpec kShowOptions[] = {kPinFileOption, kDriverDirOption};

constexpr VerbSpec kVerbs[] = {
    {"medium list",
     "show drivers and what is inserted",
     {},
     kListOptions,
     "kmsd medium list                             # in the usual drives\n"
     "kmsd medium list --medium image:/srv/keys --json\n"
     "kmsd medium list --slots                     # which media open the server\n",
     mediumList},
    {"medium check", "say whether a medium is sound: 0 valid, 4 bad, 5 none", kUri, kCheckOptions,
     "kmsd medium check floppy:A:                  # reads it as the server would\n"
     "kmsd medium check image:/mnt/backup.img --data-dir /var/lib/kms\n",
     mediumCheck},
    {"medium create", "make a key medium from 14 typed characters, or from a typed share", kUri,
     kCreateOptions,
     "kmsd medium create floppy:A: --type               # asks for them, and shows nothing\n"
     "kmsd medium create image:key.img --pwd-file -     # reads them from standard input\n",
     mediumCreate},
    {"medium copy", "make an exact copy: as good as the original", kTwoUris, kCopyOptions,
     "kmsd medium copy floppy:A: image:/mnt/safe/copy.img\n"
     "kmsd medium copy floppy:A: floppy:A:              # one drive: asks to swap the disks\n"
     "kmsd medium copy floppy:A: card:                  # onto the card in the reader; asks for its PIN\n",
     mediumCopy},
    {"medium show", "show a medium's 14 characters, on a terminal only", kUri, kShowOptions,
     "kmsd medium show floppy:A:       # asks first; to be written down or printed\n", mediumShow},
    {"medium add", "make a further medium, with a key and slot of its own", kNewUris, kAddOptions,
     "kmsd medium add image:/mnt/safe/third.img --medium floppy:A:   # the disk in A: opens the server\n"
     "kmsd medium add floppy:A: --medium floppy:A: --label 'Safe 2'  # one drive: asks to swap\n"
     "kmsd medium add floppy:A: --medium card: --shares 2/3          # asks for three disks in turn\n",
     mediumAdd},
    {"medium retire", "end a medium and all its copies; never the last one", kMediumId, kRetireOptions,
     "kmsd medium retire 11111111-2222-4333-8444-555555555555 --medium floppy:A: # asks for others\n"
     "kmsd medium retire 11111111-2222-4333-8444-555555555555 --medium card: --no-rotate\n",
     mediumRetire},
};

}  // namespace

std::span<const VerbSpec> mediumVerbs() noexcept { return kVerbs; }

}  // namespace kmsd
