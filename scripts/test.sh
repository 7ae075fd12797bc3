#!/bin/sh
# Everything: pure functions, an in-process SSH server, and real lab hosts. `npm test -- unit` runs one layer.
. "$(dirname "$0")/prepare.sh"

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
