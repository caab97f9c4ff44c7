#!/bin/bash
# `make torture`: the tests of crashes, faults, large transactions and held-back log at length, and what they found written
# into docs/manual/guarantees.md. ci/test.sh starts the servers and calls this.
#   ci/torture.sh ROUNDS
# ROWTIDE_SEED (default: any) is the first round's seed, each round adds one; TORTURE_TESTS (default: all of them) names test files.
set -euo pipefail
cd "$(dirname "$0")/.."
ROUNDS=${1:-1}
SEED=${ROWTIDE_SEED:-$((RANDOM * 32768 + RANDOM))}
PAGE=docs/manual/guarantees.md
read -ra TESTS <<<"${TORTURE_TESTS:-crash exactly_once faults_broker faults_clock faults_database faults_disk faults_network incremental large snapshot wal}"
ROWTIDE_TORTURE_TABLE=$(mktemp)
export ROWTIDE_TORTURE=1 ROWTIDE_TORTURE_TABLE
trap 'rm -f "$ROWTIDE_TORTURE_TABLE"' EXIT

sentences() { # sentences VERDICT LOG: the names of the tests that ended so
  grep "^test .* $1\$" "$2" | sed 's/^test //; s/ .*//' | tr _ ' ' || true
}

failed=0
for ((round = 0; round < ROUNDS; round++)); do
  for test in "${TESTS[@]}"; do
    seed=$((SEED + round)) log=$LAB_RUN/torture.$((SEED + round)).$test.log
    echo "-- round $((round + 1)) of $ROUNDS: ROWTIDE_SEED=$seed ROWTIDE_TORTURE=1 cargo test -p rowtide-system-tests --test $test"
    if ROWTIDE_SEED=$seed cargo test -p rowtide-system-tests --locked --no-fail-fast --test "$test" -- --nocapture >"$log" 2>&1; then
      sed -n '/ | .* | /p; /^test result/p' "$log"
      # these write no rows of their own: a test is a sentence, and it held
      case $test in incremental | large | wal) sentences ok "$log" | while read -r held; do echo "| $held | $test | holds |"; done >>"$ROWTIDE_TORTURE_TABLE" ;; esac
    else
      failed=1
      grep -E 'FAILED$|panicked at|^test result' -A 1 "$log" || true
      sentences FAILED "$log" | while read -r broken; do echo "| $broken | ROWTIDE_SEED=$seed | **FAILED** |"; done >>"$ROWTIDE_TORTURE_TABLE"
    fi
  done
done

version() { sed -n "s|.*<$1.version>\(.*\)</.*|\1|p" lab/pom.xml; }
results() {
  echo
  echo "Run on $(date -u +%F), commit $(git rev-parse --short=12 HEAD)$(git diff --quiet HEAD || echo ' with changes not committed'): $ROUNDS rounds of ${TESTS[*]}, seeds from $SEED."
  echo "PostgreSQL $(/usr/lib/postgresql/15/bin/postgres --version | sed 's/.*) \([0-9.]*\).*/\1/'), Kafka $(version kafka)."
  printf '\n| fault | phase | outcome | runs |\n|---|---|---|---:|\n'
  # the number of repeats differs from run to run: the largest stands for all
  sort "$ROWTIDE_TORTURE_TABLE" | awk -F ' \\| ' '{
    sub(/^\| /, "", $1); sub(/ \|$/, "", $3); row = $1 " | " $2; n = 0; text = $3
    if (match(text, /[0-9]+ repeats/)) { n = substr(text, RSTART, RLENGTH) + 0; sub(/[0-9]+ repeats/, "@ repeats", text) }
    key = row " | " text
    if (!(key in runs)) order[++count] = key
    runs[key]++; if (n > most[key]) most[key] = n
  } END { for (i = 1; i <= count; i++) { key = order[i]; line = key; sub(/@ repeats/, most[key] + 0 " repeats at most", line); print "| " line " | " runs[key] " |" } }'
  echo
}
results >"$LAB_RUN/results.md"
awk -v results="$LAB_RUN/results.md" '
  /^<!-- torture: end -->/ { inside = 0 }
  !inside { print }
  /^<!-- torture: begin -->/ { inside = 1; while ((getline line < results) > 0) print line }' "$PAGE" >"$LAB_RUN/page.md"
cp "$LAB_RUN/page.md" "$PAGE"
echo "$PAGE: $(wc -l <"$LAB_RUN/results.md") lines of results, seeds $SEED to $((SEED + ROUNDS - 1))"
exit $failed
