# What every script here begins with: the folder, Node, and npm packages. Sourced, not run.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

if ! command -v node >/dev/null 2>&1; then
  say 'Node 20.19 or newer is needed, and there is no node here. On Debian: see https://nodejs.org, or apt-get install nodejs where it is new enough.'
  exit 2
fi
node -e 'const [major, minor] = process.versions.node.split(".").map(Number); process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' || {
  say "Node 20.19 or newer is needed; this is $(node --version)."
  exit 2
}

# Only where the lock file and what is installed differ: a second run starts at once. `npm ci` would be stricter, but it wants
# the optional packages of every platform in the lock file, and not every registry lists them.
installed=node_modules/.mesh-lockfile
if ! cmp -s package-lock.json "$installed"; then
  say 'Installing npm packages into node_modules/ (about 100, as package-lock.json says) …'
  npm install --no-save --no-audit --no-fund --loglevel=error >&2
  cp package-lock.json "$installed"
fi

build() {
  say 'Building dist/ …'
  npm run --silent build
}
