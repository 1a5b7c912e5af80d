// The shield of kmsd-media: what it takes from its own process before it looks at a stranger's medium, so
// that whoever takes it over by a chosen medium is still outside kmsd, although both run as one user.
#pragma once

namespace kmsd::media {

// For good: no core dump or debugger; death with the parent; no descriptor above `socket`; no network and no
// Unix socket (the user of kmsd is its administrator there); no signal to another process and none asked of
// the kernel; no new process or program; no look into another process. Unless `writable`: no change to any
// file, but for writing to devices beneath /dev, as a drive may be opened for that. The rules about paths are
// Landlock's; a kernel without it keeps the others only. REQUIRES: one thread. Errors: false with errno; the
// process must then end. Source: seccomp(2), landlock(7).
bool shield(int socket, bool writable);

}  // namespace kmsd::media
