#!/bin/bash
# A small shop in a private PostgreSQL, and its changes on your terminal as Debezium's events: no broker, no JVM.
# Installs Debian's PostgreSQL where it is missing (as root), builds Rowtide, starts everything on free ports of 127.0.0.1,
# posts a connector over REST. Ctrl-C ends it and leaves nothing running, and nothing in the file system but the build.
#   DEMO_RATE      visits a second (20)        DEMO_SECONDS   end by itself after so many (until Ctrl-C)
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
. lab/apt.sh
die() { echo "error: $*" >&2; exit 1; }

PGBIN=
for dir in /usr/lib/postgresql/*/bin; do [ -x "$dir/initdb" ] && PGBIN=$dir; done
[ -n "$PGBIN" ] || { apt_need_postgres 15 && PGBIN=/usr/lib/postgresql/15/bin; } || die "no PostgreSQL"
apt_need curl || die "no curl"
command -v cargo >/dev/null || die "cargo is missing: install Rust first"
# the development build: minutes faster to the first event than the optimised one, and fast enough for a terminal
echo "building (cargo build -p rowtide-app)"
cargo build -q -p rowtide-app
BUILT=$SECONDS

tcp_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
free_port() { # below the range that the kernel gives to clients
  local port
  while :; do port=$((20000 + RANDOM % 12000)); tcp_open $port || { echo $port; return; }; done
}
PORT=$(free_port) REST=$(free_port)
D=$(mktemp -d /var/tmp/rowtide-demo.XXXXXX)
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
[ "$(id -u)" != 0 ] || chown postgres "$D"
psql() { PGPASSWORD=demo "$PGBIN/psql" -h 127.0.0.1 -p "$PORT" -U demo -d postgres -qX -v ON_ERROR_STOP=1 "$@"; }

TRAFFIC_PID= ROWTIDE_PID= TIMER_PID=
finish() {
  local rc=$? pid
  trap '' INT TERM HUP
  trap - EXIT
  set +e
  [ -z "$TIMER_PID" ] || kill "$TIMER_PID" 2>/dev/null
  [ -z "$TRAFFIC_PID" ] || kill "$TRAFFIC_PID" 2>/dev/null
  if [ -n "$ROWTIDE_PID" ] && kill -0 "$ROWTIDE_PID" 2>/dev/null; then
    kill -TERM "$ROWTIDE_PID"
    for _ in $(seq 100); do kill -0 "$ROWTIDE_PID" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$ROWTIDE_PID" 2>/dev/null
  fi
  pid=$(head -1 "$D/pg/postmaster.pid" 2>/dev/null)
  if [ -n "$pid" ]; then
    kill -INT "$pid" # fast shutdown
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -QUIT "$pid" 2>/dev/null
  fi
  wait 2>/dev/null
  if [ $rc = 0 ]; then rm -rf "$D"; echo "stopped; nothing is left running"; else echo "failed; logs are in $D"; fi
  exit $rc
}
trap finish EXIT
trap 'exit 0' INT TERM HUP

(umask 077 && echo demo >"$D/password")
[ "$(id -u)" != 0 ] || chown postgres "$D/password"
as_postgres "$PGBIN/initdb" -D "$D/pg" -U demo --pwfile="$D/password" -A scram-sha-256 -E UTF8 --locale=C.UTF-8 >"$D/initdb.log" 2>&1 || { tail "$D/initdb.log"; die "initdb"; }
cat >>"$D/pg/postgresql.conf" <<C
listen_addresses = '127.0.0.1'
port = $PORT
unix_socket_directories = ''
wal_level = logical
fsync = off
C
# a session of its own: Ctrl-C must not reach the database before Rowtide has drained
(cd "$D" && exec setsid bash -c '[ "$(id -u)" = 0 ] && exec runuser -u postgres -- "$@"; exec "$@"' - "$PGBIN/postgres" -D "$D/pg" >"$D/postgres.log" 2>&1 </dev/null) &
for _ in $(seq 200); do "$PGBIN/pg_isready" -q -h 127.0.0.1 -p "$PORT" && break; sleep 0.05; done
psql -f demo/shop.sql || die "the shop could not be set up, see $D/postgres.log"
echo "PostgreSQL with a shop: port $PORT, $((SECONDS - BUILT)) s after the build"

mkdir "$D/data"
# its own session too: it gets one signal, from here, and drains
setsid "$(realpath -m "${CARGO_TARGET_DIR:-$ROOT/target}")/debug/rowtide" run -q --pretty --data-dir "$D/data" --rest-port "$REST" &
ROWTIDE_PID=$!
for _ in $(seq 200); do tcp_open "$REST" && break; kill -0 $ROWTIDE_PID 2>/dev/null || die "rowtide did not start"; sleep 0.05; done
CONNECTOR='{"name": "shop", "config": {
  "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
  "database.hostname": "127.0.0.1", "database.port": "'$PORT'", "database.user": "demo", "database.password": "demo", "database.dbname": "postgres",
  "topic.prefix": "shop", "decimal.handling.mode": "string", "heartbeat.interval.ms": "10000", "table.include.list": "public.customers,public.products,public.orders,public.order_items"}}'
curl -sf -X POST -H 'Content-Type: application/json' --data "$CONNECTOR" "http://127.0.0.1:$REST/connectors" >"$D/post.json" ||
  die "POST http://127.0.0.1:$REST/connectors was refused"
echo "connector posted to http://127.0.0.1:$REST/connectors, $((SECONDS - BUILT)) s after the build; Ctrl-C ends"
# pgbench: as many visits as asked for, until it is stopped
PGPASSWORD=demo "$PGBIN/pgbench" -h 127.0.0.1 -p "$PORT" -U demo -n -c 2 -R "${DEMO_RATE:-20}" -T 86400 -f demo/traffic.sql postgres >"$D/traffic.log" 2>&1 </dev/null &
TRAFFIC_PID=$!
[ -z "${DEMO_SECONDS:-}" ] || { (sleep "$DEMO_SECONDS"; kill -TERM $$) & TIMER_PID=$!; }
wait "$ROWTIDE_PID" || die "rowtide ended with $?, see above"
