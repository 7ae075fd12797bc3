#!/bin/sh
# Measures on three lab hosts of its own; prints medians, their spread, and ratios. `npm run bench -- --hosts 4 --runs 20`
# `npm run bench -- spread`: how a file gets from one host to 2, 4 and 8 others.
. "$(dirname "$0")/../scripts/prepare.sh"
if [ "${1:-}" = spread ]; then
  shift
  npm run --silent build
  exec node bench/spread.mjs "$@"
fi
for package in ansible; do
  command -v "$package" >/dev/null 2>&1 && continue
  if [ "$(id -u)" -eq 0 ]; then
    say "installing the Debian package $package, to compare with …"
    apt-get update -qq && apt-get install -y -qq "$package" >/dev/null
  else
    say "$package is needed to compare with: apt-get install $package"
    exit 2
  fi
done
npm run --silent build
exec node bench/no-op.mjs "$@"
