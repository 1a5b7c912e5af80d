// The shield of kmsd-media: what it takes from its own process before it looks at a stranger's medium, so
// that whoever takes it over by a chosen medium is still outside kmsd, although both run as one user.
#pragma once

#include <string>
#include <vector>

namespace kmsd::media {

// What a kmsd-media keeps beyond reading media.
struct Rights {
  bool writable = false;  // it makes media: files may be changed
  bool cards = false;     // it reads cards: it may connect to Unix sockets, as pcscd is reached so
  // Files that are media, and folders of such; full paths. Each file's folder is meant, as files are
  // replaced.
  std::vector<std::string> readable{};
  // Of these, and of others in the same folders, the content may be changed too; for KMSEPOCH.BIN on images.
  std::vector<std::string> changeable{};
};

// Turns root into the user that owns nothing (65534), for good; others stay who they are. For a kmsd-media
// that reads cards and nothing else: pcscd serves any user, and nobody else's socket takes this one for more
// than a stranger. REQUIRES: one thread. Errors: false with errno.
bool becomeNobody();

// For good: no core dump or debugger; death with the parent; no descriptor above `socket`; no network, and no
// Unix socket unless `cards`; no signal to another process and none asked of the kernel; no new process or
// program; no look into another process; no file read, but for devices, the system's and `readable` ones
// (daemon/media/paths.h): kmsd's data are its user's too, and whoever has both them and the medium needs no
// kmsd. So no image belongs into the data directory or beside it. Unless `writable`: no change to any file,
// but for writing to devices beneath /dev, as a drive may be opened for that, and to
// what `changeable` names. The rules about paths are
// Landlock's; a kernel without it keeps the others only. REQUIRES: one thread. Errors: false with errno; the
// process must then end.
//
// With `cards` it may connect to any Unix socket that its user may, and no filter can tell pcscd's from
// others. kmsd's own socket takes its user for an administrator; so kmsd turns away each peer whose process
// is a kmsd-media that it started (daemon/reader_children.h), and one that cannot make a process has no other
// number to come with. What remains: a second kmsd of the same user on this host, and other services that
// give this user rights because of its number. becomeNobody() takes these too, where root started it for
// cards alone. Source: seccomp(2), landlock(7), unix(7).
bool shield(int socket, const Rights& rights);

}  // namespace kmsd::media
