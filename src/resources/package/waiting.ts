import { lines } from '../shell.js';

/**
 * Shell functions for dnf and yum: `wait_for_packages` waits for whoever holds one of their locks and says who that is. Both
 * write their pid into a file while they work, and wait for each other by themselves, but yum gives up on dnf and neither
 * names a command. A step's time limit ends the wait.
 */
export const WAIT_FOR_PACKAGES = lines(
  'holder() {',
  '  for file in /var/run/yum.pid /var/cache/dnf/metadata_lock.pid /var/cache/dnf/download_lock.pid /var/lib/dnf/rpmdb_lock.pid; do',
  '    pid=$(cat "$file" 2>/dev/null) || continue',
  '    case $pid in "" | *[!0-9]*) continue ;; esac',
  '    if [ -r "/proc/$pid/cmdline" ]; then',
  `      printf '%s(pid %s)' "$(tr '\\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-80)" "$pid"`,
  '      return 0',
  '    fi',
  '  done',
  '  return 1',
  '}',
  'wait_for_packages() {',
  "  said=''",
  '  while who=$(holder); do',
  '    if [ "$who" != "$said" ]; then echo "waiting for $who, which holds the lock of the package manager"; said=$who; fi',
  '    sleep 1',
  '  done',
  '}',
);
