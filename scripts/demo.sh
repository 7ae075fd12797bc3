#!/bin/sh
# Three real hosts on this machine become one container network, and the table that proves it is shown. `npm run demo -- rpm`
# is the second scene: hosts of the RPM family, for which Open vSwitch is built from source once and spread.
# Asked before anything is installed or written.
if [ "$(id -u)" -ne 0 ] || [ "$(uname -s)" != Linux ]; then
  echo 'The demo needs root on Linux: its hosts are containers with network namespaces. Run: sudo npm run demo' >&2
  exit 2
fi
case ${1:-} in
  '') inventory=inventory/lab.yml lab= up= ;;
  rpm) inventory=inventory/lab-rpm.yml lab=' --name rpm' up=" --family rpm --inventory $inventory" ;;
  *)
    echo "There is no scene '$1'. Type: npm run demo, or: npm run demo -- rpm" >&2
    exit 2
    ;;
esac
. "$(dirname "$0")/prepare.sh"
build

show() { # WORDS…: a command of mesh's, as it would be typed
  say ''
  say "\$ mesh $*"
  node dist/mesh.js "$@"
}
# shellcheck disable=SC2086 # words
show lab up$lab$up
show deploy $inventory --yes
say ''
say 'The hosts stay up. What to try next:'
say "  npx mesh deploy $inventory    again: 0 changes, every tunnel proven"
say "  npx mesh lab exec docker41$lab -- ovs-vsctl show"
say "  npx mesh teardown $inventory  take everything back"
say "  npx mesh lab down$lab                  remove the hosts"
