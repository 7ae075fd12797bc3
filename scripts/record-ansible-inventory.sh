#!/bin/sh
# Records what ansible-inventory prints for every inventory in test/inventory/fixtures, into expected.json beside it.
# Needs ansible-core (Debian: apt-get install ansible-core). Usage: scripts/record-ansible-inventory.sh [NAME…]
set -eu

fixtures=$(CDPATH='' cd -- "$(dirname -- "$0")/../test/inventory/fixtures" && pwd)
command -v ansible-inventory >/dev/null || { echo 'ansible-inventory is not installed' >&2; exit 1; }
[ $# -gt 0 ] || set -- "$fixtures"/*/

# Nothing of the machine's or the user's own settings may get into a record.
export ANSIBLE_CONFIG="$fixtures/ansible.cfg" ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=False PYTHONUTF8=1
export ANSIBLE_INVENTORY_ENABLED=yaml ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=True
cd /

for fixture in "$@"; do
  name=$(basename -- "$fixture")
  found=
  for inventory in "$fixtures/$name"/inventory.*; do
    found=$inventory
  done
  [ -f "$found" ] || { echo "$name has no inventory" >&2; exit 1; }
  echo "$name" >&2
  ansible-inventory -i "$found" --list >"$fixtures/$name/expected.json.new" 2>/dev/null ||
    { echo "ansible-inventory refuses $found:" >&2; ansible-inventory -i "$found" --list >&2 || true; exit 1; }
  mv "$fixtures/$name/expected.json.new" "$fixtures/$name/expected.json"
done
