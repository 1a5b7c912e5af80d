#!/bin/sh
# kmsd-insert-check [ROOT]: may an inserted medium start the server? Exit code 0: yes. 1: no, and one line tells why.
# Run by kmsd-insert.service. ROOT is where the host's files are, for a look at another system.
set -u
root=${1:-}

refuse() {
  echo "kmsd.service is not started: $1"
  exit 1
}

# udev asks for the service whether it is enabled or not.
case $(systemctl is-enabled kmsd-insert.service 2>/dev/null) in
  enabled | enabled-runtime) ;;
  *) refuse "kmsd-insert.service is not enabled; 'systemctl enable kmsd-insert.service' lets an inserted medium start it" ;;
esac

facts=$(systemctl show --property=LoadState --property=ActiveState kmsd.service) ||
  refuse "systemd does not tell its state"
case $facts in
  *LoadState=loaded*) ;;
  *LoadState=masked*) refuse "an administrator masked it" ;;
  *) refuse "systemd has no such service, or cannot read it" ;;
esac
case $facts in
  *ActiveState=inactive* | *ActiveState=failed*) ;;
  *) refuse "it runs already, or is about to start or stop" ;;
esac
if [ -e "$root/run/kmsd.stopped" ]; then
  refuse "an administrator stopped it; 'systemctl start kmsd.service' starts it"
fi

data=
if [ -e "$root/etc/kms/kmsd.conf" ]; then
  data=$(sed -n 's/[[:space:]]*$//; s/^[[:space:]]*data-dir[[:space:]]*=[[:space:]]*//p' "$root/etc/kms/kmsd.conf") ||
    refuse "/etc/kms/kmsd.conf cannot be read"
fi
security=${data:-/var/lib/kms}/security
if [ ! -f "$root$security/header" ]; then
  refuse "no server is set up in $security; none was made there, or it was moved"
fi

if [ -e "$root$security/moved" ]; then
  refuse "it was moved to another host by a final backup; 'kmsd run --unmove' says that it stays"
fi

# Opened for reading: a lock file is never made here. A shared lock, so that two checks do not see each other.
lock=$root$security/lock
if [ -e "$lock" ] || [ -L "$lock" ]; then
  if [ -L "$lock" ] || [ ! -f "$lock" ]; then refuse "$security/lock is no lock file"; fi
  if ! (exec 9<"$lock" && flock --shared --nonblock 9) 2>/dev/null; then
    refuse "another program has the lock of $security, or it cannot be looked at"
  fi
fi
exit 0
