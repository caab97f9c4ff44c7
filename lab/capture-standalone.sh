#!/bin/bash
# Saves the offsets file of a real connect-standalone under samples/standalone/: with one connector's offset and with two.
# Needs kafka.sh and postgres.sh started; runs a worker of its own.
. "$(dirname "$0")/env.sh"
export LAB_CONNECT_NAME=capture-standalone LAB_CONNECT_PORT=${LAB_CAPTURE_PORT:-18084} LAB_CONNECT_MODE=standalone
export LAB_CONNECT=http://127.0.0.1:$LAB_CONNECT_PORT LAB_CONNECT_EXTRA=offset.flush.interval.ms=500
OUT=$LAB_DIR/samples/standalone FILE=$LAB_RUN/$LAB_CONNECT_NAME/offsets
cd "$LAB_DIR"
rm -f "$FILE"
./connect.sh start
trap './connect.sh stop' EXIT
psql() { ./postgres.sh psql -qAtX "$@"; }
psql -c "drop table if exists public.offsets_t" -c "create table public.offsets_t (id int primary key)" -c "insert into public.offsets_t values (1)"

connector() { # a connector with an offset in the file
  local name=$1 size
  ./connector.sh put "$name" <<C
{ "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "127.0.0.1", "database.port": "$LAB_PG_PORT",
  "database.user": "postgres", "database.password": "postgres", "database.dbname": "postgres", "topic.prefix": "$name", "plugin.name": "pgoutput",
  "slot.name": "$name", "publication.name": "$name", "publication.autocreate.mode": "filtered", "table.include.list": "public.offsets_t" }
C
  psql -c "insert into public.offsets_t select max(id) + 1 from public.offsets_t"
  for _ in $(seq 100); do grep -aq "\"$name\"" "$FILE" 2>/dev/null && grep -aq '"lsn_commit"' "$FILE" && break; sleep 0.2; done
  curl -sf -X PUT "$LAB_CONNECT/connectors/$name/stop"
  size=$(stat -c %s "$FILE"); sleep 2; [ "$size" = "$(stat -c %s "$FILE")" ] || sleep 2
}
save() {
  mkdir -p "$OUT"; cp "$FILE" "$OUT/$1.offsets"
  curl -s "$LAB_CONNECT/connectors/$2/offsets" | jq . >"$OUT/$1.json"
  od -A x -t x1z -v "$OUT/$1.offsets" >"$OUT/$1.hex"
}
connector offsets_one; save one-entry offsets_one
connector offsets_two; save two-entries offsets_two
for name in offsets_one offsets_two; do
  curl -sf -X DELETE "$LAB_CONNECT/connectors/$name"; sleep 1
  psql -c "select pg_drop_replication_slot('$name')" -c "drop publication $name"
done
psql -c "drop table public.offsets_t"
ls -l "$OUT"
