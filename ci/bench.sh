#!/bin/bash
# What `make bench` runs: private servers, the tuned peer and Rowtide's release build measured in pairs, bench/RESULTS.md
# written from bench/data. Sections that are not named keep the figures that they have.
#   ci/bench.sh [SECTION,...]     sections: see bench/__main__.py
# From the environment: RUNS (default 3), CHANGES (2000000), ROWS (5000000), SECONDS_EACH (60), LARGEST_MB (1024): shorter
# runs take smaller ones.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/servers.sh

stop_all() { stop_servers; }
say_result() { :; }
build() { cargo build -q --release --locked -p rowtide-app; }

must "install" lab/install.sh test
must "rust" rust_is_there
must "build" build
ROWTIDE_BIN=$(realpath "${CARGO_TARGET_DIR:-target}")/release/rowtide
ROWTIDE_PORT=$(free_port)
export ROWTIDE_BIN ROWTIDE_PORT LAB_PG_EXTRA="max_wal_senders = 150
max_replication_slots = 150
max_connections = 300
max_wal_size = 8GB
max_locks_per_transaction = 1000"
must "start Kafka and PostgreSQL 15" start_kafka_and_postgres
[ -n "${1:-}" ] && [[ ! ,$1, =~ ,converters, ]] || must "start the registry" lab/apicurio.sh start
step "measure" "$LAB_PYTHON" -u -m bench "${1:-}"
