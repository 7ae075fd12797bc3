#!/bin/sh
# Pure functions, an in-process SSH server, and real lab hosts. `npm test -- unit` runs one layer; virtual machines, `vm`, only
# when they are asked for.
. "$(dirname "$0")/prepare.sh"
[ $# -gt 0 ] || set -- unit ssh lab

if [ "$(id -u)" -ne 0 ] || [ "$(uname -s)" != Linux ]; then
  case ${1:-} in
    unit | ssh) ;;
    *)
      say 'The tests on lab hosts need root on Linux (network namespaces, systemd-nspawn). Run: sudo npm test'
      say 'Without root: npm test -- unit, npm test -- ssh'
      exit 2
      ;;
  esac
fi

# Real programs that tests run beside the lab: an sshd of their own on loopback, and a reader of generated shell text.
lacking=
[ -x /usr/sbin/sshd ] || lacking="$lacking openssh-server"
command -v shellcheck >/dev/null 2>&1 || lacking="$lacking shellcheck"
if [ -n "$lacking" ] && command -v apt-get >/dev/null 2>&1; then
  if [ "$(id -u)" -eq 0 ]; then
    say "Installing Debian packages:$lacking (no service is started) …"
    policy=/usr/sbin/policy-rc.d
    made=
    # invoke-rc.d(8) asks this before it starts what a package brings.
    if [ ! -e "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
      made=1
    fi
    # shellcheck disable=SC2086 # a list of words
    install() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $lacking >/dev/null; }
    install || { apt-get update -qq && install; } || say "They could not be installed; the tests that need them say so."
    if [ -n "$made" ]; then
      rm -f "$policy"
      trap - EXIT
      case $lacking in *openssh-server*) systemctl disable --quiet ssh.service 2>/dev/null || : ;; esac
    fi
  else
    say "Tests that need more are left out. To run them: apt-get install$lacking"
  fi
fi
build

report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
projects=
for project in "$@"; do projects="$projects --project $project"; done
# shellcheck disable=SC2086 # a list of words
npx vitest run $projects --reporter=default --reporter=json --outputFile.json="$report" || status=$?
node -e '
  const report = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
  const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
  console.log(`${report.numPassedTests} passed, ${report.numFailedTests + broken} failed`);
' "$report" || { [ "$status" -ne 0 ] || status=1; }
exit "$status"
