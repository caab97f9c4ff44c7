#!/bin/bash
# Records what a real server's pgoutput sends for one transaction of each load, for the count of instructions:
#   bench/record.sh      (on the PostgreSQL of lab/postgres.sh; writes bench/recorded/*.hex)
# A line for each message, in hexadecimal. Of the wide load every tenth change: 2 KB each are enough of them.
. "$(dirname "$0")/../lab/env.sh"
cd "$(dirname "$0")"
psql() { "$LAB_DIR/postgres.sh" psql -qAtX "$@"; }
record() { # record LOAD EVERY
  psql -f "loads/$1.sql" -c "create publication bench_record for table bench_$1" \
    -c "select pg_create_logical_replication_slot('bench_record', 'pgoutput')" -c "call bench_$1_load(1, 1)" >/dev/null
  psql -c "select encode(data, 'hex') from pg_logical_slot_peek_binary_changes('bench_record', null, null, 'proto_version', '1', 'publication_names', 'bench_record')" |
    awk -v every="$2" '/^(49|55|44)/ { if (changes++ % every) next } { print }' >"recorded/$1.hex" # I, U, D
  psql -c "select pg_drop_replication_slot('bench_record')" -c "drop publication bench_record" -c "drop table bench_$1" -c "drop procedure bench_$1_load" >/dev/null
}
record rows 1
record wide 10
wc recorded/*.hex
