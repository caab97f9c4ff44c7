#!/usr/bin/env python3
"""The first benchmark: one load drained by the real peer and by Rowtide, each into the same real Kafka.

    bench.py --ours URL:PID --peer URL:PID [--changes N] [--kafka HOST:PORT] [--runs N]

Needs the lab's Kafka and PostgreSQL, both workers running, psql, and confluent-kafka for Python.

The load: rows of about 200 bytes in transactions of 100; half inserts, 30 % updates, 20 % deletes. A connector is made
with snapshot.mode=no_data and stopped; the load is written; the connector is resumed. Measured from the resume until the
topic holds everything: events a second, CPU-seconds of the worker's process per million events, its peak memory.
Prints a Markdown table; bench/RESULTS.md keeps it."""
import argparse, json, os, subprocess, time, urllib.error, urllib.request
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

LAB = Path(os.environ.get("LAB_DIR", Path(__file__).resolve().parent.parent / "lab"))
TICKS = os.sysconf("SC_CLK_TCK")
SETTINGS = {  # the tuned peer; ours gets the same
    "max.batch.size": "20480", "max.queue.size": "81920", "poll.interval.ms": "10",
    "producer.override.batch.size": "262144", "producer.override.linger.ms": "5",
}


def rest(method, url, body=None):
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        if method == "DELETE":
            return None
        raise SystemExit(f"{method} {url}: {error.code} {error.read().decode()[:500]}")


def psql(sql):
    done = subprocess.run([str(LAB / "postgres.sh"), "psql", "-q", "-X", "-A", "-t"], input=sql, text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.strip()


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid, key):
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


def reset_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def records(kafka, topic):
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "bench-count"})
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)[1]
    except Exception:  # the topic is not there yet
        return 0
    finally:
        consumer.close()


def load(changes):
    """Inserts, updates and deletes in transactions of 100 -> records that they give (a delete gives two)."""
    psql("""drop table if exists bench; create table bench (id int primary key, kind int, amount numeric(10,2), note text, at timestamptz, tag uuid);
drop procedure if exists bench_load;
create procedure bench_load(transactions int) language plpgsql as $$
declare base int;
begin
  for t in 1..transactions loop
    base := t * 100;
    insert into bench select base + g, g, g * 1.25, repeat('n', 120), now(), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' from generate_series(1, 50) g;
    update bench set amount = amount + 1 where id > base and id <= base + 30;
    delete from bench where id > base + 30 and id <= base + 50;
    commit;
  end loop;
end $$;""")
    transactions = changes // 100
    return transactions, transactions * 120


def drain(name, url, pid, args, schemas):
    psql(f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{name}'; drop publication if exists {name};")
    transactions, expected = load(args.changes)
    config = SETTINGS | {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "127.0.0.1",
        "database.port": os.environ.get("LAB_PG_PORT", "5433"), "database.user": "postgres", "database.password": "postgres",
        "database.dbname": "postgres", "topic.prefix": name, "slot.name": name, "publication.name": name,
        "publication.autocreate.mode": "filtered", "plugin.name": "pgoutput", "table.include.list": "public.bench",
        "snapshot.mode": "no_data", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": schemas, "key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": schemas,
    }
    rest("POST", f"{url}/connectors", {"name": name, "config": config})
    wait(lambda: psql(f"select active from pg_replication_slots where slot_name = '{name}'") == "t", "the slot is read")
    rest("PUT", f"{url}/connectors/{name}/stop")
    wait(lambda: psql(f"select active from pg_replication_slots where slot_name = '{name}'") == "f", "the connector is stopped")
    psql(f"call bench_load({transactions})")
    topic = f"{name}.public.bench"
    reset_peak(pid)
    cpu, start = cpu_seconds(pid), time.time()
    rest("PUT", f"{url}/connectors/{name}/resume")
    wait(lambda: records(args.kafka, topic) >= expected, "everything arrived", limit=1800)
    seconds, cpu = time.time() - start, cpu_seconds(pid) - cpu
    peak = memory(pid, "VmHWM")
    rest("DELETE", f"{url}/connectors/{name}")
    wait(lambda: psql(f"select count(*) from pg_replication_slots where slot_name = '{name}' and active") == "0", "the connector is gone")
    psql(f"select pg_drop_replication_slot('{name}'); drop publication {name};")
    admin = AdminClient({"bootstrap.servers": args.kafka})
    admin.delete_topics([topic])[topic].result()
    events = transactions * 100
    return events / seconds, cpu / events * 1e6, peak


def wait(condition, what, limit=120):
    deadline = time.time() + limit
    while not condition():
        if time.time() > deadline:
            raise SystemExit(f"waited {limit} s in vain until {what}")
        time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ours", required=True, metavar="URL:PID")
    parser.add_argument("--peer", required=True, metavar="URL:PID")
    parser.add_argument("--kafka", default=os.environ.get("LAB_KAFKA", "127.0.0.1:9092"))
    parser.add_argument("--changes", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()
    print("| load | worker | events/s | CPU-seconds per million | peak memory, MB |\n|---|---|---|---|---|")
    for schemas in ("false", "true"):
        for run in range(args.runs):
            for label, where in (("peer", args.peer), ("rowtide", args.ours)):
                url, pid = where.rsplit(":", 1)
                rate, cpu, peak = drain(f"bench_{label}_{int(time.time()) % 10**6}", url, int(pid), args, schemas)
                print(f"| {args.changes:,} changes, schemas.enable={schemas} | {label} | {rate:,.0f} | {cpu:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
