#!/bin/sh
# Three real hosts on this machine become one container network, and the table that proves it is shown.
# Asked before anything is installed or written.
if [ "$(id -u)" -ne 0 ] || [ "$(uname -s)" != Linux ]; then
  echo 'The demo needs root on Linux: its hosts are containers with network namespaces. Run: sudo npm run demo' >&2
  exit 2
fi
. "$(dirname "$0")/prepare.sh"
build
say ''
say '$ mesh lab up'
node dist/mesh.js lab up
say ''
say '$ mesh deploy inventory/lab.yml --yes'
node dist/mesh.js deploy inventory/lab.yml --yes
say ''
say 'The hosts stay up. What to try next:'
say '  npx mesh deploy inventory/lab.yml    again: 0 changes, every tunnel proven'
say '  npx mesh lab exec docker41 -- ovs-vsctl show'
say '  npx mesh teardown inventory/lab.yml  take everything back'
say '  npx mesh lab down                    remove the hosts'
