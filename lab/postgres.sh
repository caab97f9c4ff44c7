#!/bin/bash
# A real PostgreSQL for logical decoding on 127.0.0.1:5433 (user postgres, password postgres).
#   postgres.sh start [--keep]   fresh data dir unless --keep      postgres.sh stop|kill|status      postgres.sh psql ARGS...
# LAB_PG_VERSION=15 (Debian, default) or 18 (Maven binaries). LAB_PG_NAME (default postgres) names data dir, log and pid file, so
# that several servers run under one LAB_RUN; LAB_PG_EXTRA holds extra lines of postgresql.conf (the last one of a name wins).
. "$(dirname "$0")/env.sh"
V=${LAB_PG_VERSION:-15}
NAME=${LAB_PG_NAME:-postgres}
D=$LAB_RUN/$NAME
case $V in
  18) BIN=$LAB_HOME/pg18/bin ;;
  *) BIN=/usr/lib/postgresql/$V/bin ;;
esac

start() {
  is_up "$NAME" && { status_of "$NAME"; return; }
  port_free "$LAB_PG_PORT" LAB_PG_PORT
  if [ "${1:-}" != --keep ]; then
    rm -rf "$D"; install -d -o postgres -m 700 "$D"
    echo postgres >"$D/pw"; chown postgres "$D/pw"
    as_user postgres "$BIN/initdb" -D "$D/data" -U postgres --pwfile="$D/pw" -A scram-sha-256 -E UTF8 --locale=C.UTF-8 >"$D/initdb.log"
    cat >>"$D/data/postgresql.conf" <<C
listen_addresses = '127.0.0.1'
port = $LAB_PG_PORT
unix_socket_directories = ''
wal_level = logical
max_wal_senders = 50
max_replication_slots = 50
max_connections = 200
logging_collector = off
timezone = 'UTC'
${LAB_PG_EXTRA:-}
C
    # replication connections too, with the password
    echo 'host replication all 127.0.0.1/32 scram-sha-256' >>"$D/data/pg_hba.conf"
  fi
  : >>"$D/postgres.log"; chown postgres "$D/postgres.log"
  (cd "$D" && exec setsid runuser -u postgres -- "$BIN/postgres" -D "$D/data" >>"$D/postgres.log" 2>&1 </dev/null) &
  for _ in $(seq 100); do [ -s "$D/data/postmaster.pid" ] && break; sleep 0.1; done
  [ -s "$D/data/postmaster.pid" ] || { tail -5 "$D/postgres.log" >&2; die "$NAME did not start"; }
  head -1 "$D/data/postmaster.pid" >"$LAB_RUN/$NAME.pid"
  wait_for 60 "$NAME" pg_isready -q -h 127.0.0.1 -p "$LAB_PG_PORT"
  echo "$NAME: $("$BIN/postgres" --version) on 127.0.0.1:$LAB_PG_PORT, pid $(pid_of "$NAME"), log $D/postgres.log"
}

cmd=${1:-status}; shift || true
case $cmd in
  start) start "$@" ;;
  stop) stop_pid "$NAME" INT ;;         # fast shutdown
  kill) stop_pid "$NAME" QUIT ;;        # immediate shutdown, as after a crash
  status) status_of "$NAME" ;;
  psql) PGPASSWORD=postgres exec psql -h 127.0.0.1 -p "$LAB_PG_PORT" -U postgres -v ON_ERROR_STOP=1 "$@" ;;
  *) die "usage: $0 start|stop|kill|status|psql" ;;
esac
