"""One measurement each: a backlog drained, a snapshot, latency, start and idling. What is run how often stands in sections."""
import re
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

from confluent_kafka import Consumer, TopicPartition

from . import lab
from .loads import drop_slot
from .workers import connector


def finished(worker, name, topics, records, events, begin, limit=3600):
    """Calls `begin`, waits for that many records -> figures of the worker's process meanwhile."""
    lab.reset_peak(worker.pid)
    cpu, start = lab.cpu_seconds(worker.pid), time.monotonic()
    begin()
    looked = [0]

    def arrived():
        looked[0] += 1
        if looked[0] % 50 == 0:
            worker.check(name)
        return topics.records() >= records

    lab.wait(arrived, f"{worker.label} wrote {records} records", limit)
    seconds, cpu = time.monotonic() - start, lab.cpu_seconds(worker.pid) - cpu
    size = topics.record_size()
    return {"worker": worker.label, "events": events, "seconds": seconds, "events_per_second": events / seconds, "mb_per_second": size * records / seconds / 1e6,
            "record_bytes": size, "cpu_per_million": cpu / events * 1e6, "peak_mb": lab.memory(worker.pid, "VmHWM")}


@contextmanager
def running(worker, name, topics):
    """The worker, started -> seconds until its REST answered. Afterwards connector, process, slot and topics are gone."""
    to_rest = worker.start()
    try:
        yield to_rest
    finally:
        with suppress(OSError):  # a worker that has died answers nothing
            worker.delete(name)
        worker.stop()
        drop_slot(name)
        topics.delete()


def drain(worker, load, schemas=False, router=False, tuned=True, topic_settings=None, more=None):
    """The worker, started for it, drains a backlog that waits in a slot of its own."""
    name, lsn = load.take()
    kept = 2 if topic_settings else load.records * load.record_bytes(schemas) / 1e9
    lab.need_room(kept)
    topics = lab.Topics(load.topics(name, router), **(topic_settings or {}))
    with running(worker, name, topics):
        worker.create(name, connector(name, load.include, schemas, router, tuned, **(more or {})), offset=lsn)
        figures = finished(worker, name, topics, load.records, load.events, lambda: worker.resume(name))
        walsender = int(lab.psql(f"select active_pid from pg_replication_slots where slot_name = '{name}'"))
        figures["server_cpu_per_million"] = lab.cpu_seconds(walsender) / load.events * 1e6
    return figures


def snapshot(worker, rows, threads):
    """An initial snapshot of one table, from the POST to the last record."""
    name = f"bench_snap_{worker.label}_{int(time.time())}"
    lab.need_room(rows * 1000 / 1e9)
    lab.psql("drop publication if exists bench; create publication bench for table bench_snapshot")
    topics = lab.Topics([f"{name}.public.bench_snapshot"])
    with running(worker, name, topics):
        config = connector(name, "public.bench_snapshot", **{"snapshot.mode": "initial", "snapshot.max.threads": str(threads)})
        figures = finished(worker, name, topics, rows, rows, lambda: worker.create(name, config))
    return figures | {"threads": threads}


def starts(worker, names, begin):
    """Connectors with nothing to read start and are stopped again -> CPU milliseconds of the start of one."""
    cpu = lab.cpu_seconds(worker.pid)
    begin()
    lab.wait_read(names)
    cpu = lab.cpu_seconds(worker.pid) - cpu
    for name in names:
        worker.halt(name)
    return cpu * 1000 / len(names)


def start_and_idle(worker, seconds):
    """Start of the process, first record of a connector, and what it costs to wait."""
    lab.psql("""drop publication if exists bench; drop table if exists bench_small; create table bench_small (id int primary key, note text);
insert into bench_small select g, 'note' from generate_series(1, 10) g; create publication bench for table bench_small""")
    name = f"bench_start_{worker.label}_{int(time.time())}"
    topics = lab.Topics([f"{name}.public.bench_small"])
    with running(worker, name, topics) as to_rest:
        begun = time.monotonic()
        worker.create(name, connector(name, "public.bench_small", tuned=False, **{"snapshot.mode": "initial"}))
        lab.wait(lambda: topics.records() > 0, "the first record", every=0.005)
        first = time.monotonic() - begun
        lab.wait(lambda: topics.records() >= 10, "the snapshot")
        time.sleep(10)  # what comes after a start is over
        cpu = lab.cpu_seconds(worker.pid)
        time.sleep(seconds)
        idle = (lab.cpu_seconds(worker.pid) - cpu) / seconds
        figures = {"worker": worker.label, "to_rest_ms": to_rest * 1000, "to_first_record_ms": first * 1000, "idle_cpu_percent": idle * 100,
                   "idle_rss_mb": lab.memory(worker.pid, "VmRSS")}
    return figures


@contextmanager
def waiting_connectors(worker, count):
    """The worker with connectors that have nothing to do, each with a slot of its own."""
    lab.psql("""drop publication if exists bench; drop table if exists bench_small; create table bench_small (id int primary key, note text);
create publication bench for table bench_small""")
    named = {f"bench_idle_{worker.label}_{number}_{int(time.time())}": ("public.bench_small", "bench") for number in range(count)}
    with streaming(worker, named):
        time.sleep(10)  # what comes after a start is over
        yield


@contextmanager
def streaming(worker, named):
    """The worker with connectors of default settings that stream; by its name, the table and the publication of each."""
    names = list(named)
    worker.start()
    try:
        for name, (table, publication) in named.items():
            worker.create(name, connector(name, table.replace(".", r"\."), tuned=False, **{"publication.name": publication}))
        lab.wait_read(names)
        yield
        for name in names:
            worker.delete(name)
    finally:
        worker.stop()
    for name in names:
        drop_slot(name)


def idle_connectors(worker, count, seconds):
    """What a process holds and uses whose connectors wait."""
    with waiting_connectors(worker, count):
        cpu = lab.cpu_seconds(worker.pid)
        time.sleep(seconds)
        idle = (lab.cpu_seconds(worker.pid) - cpu) / seconds
        return {"worker": worker.label, "connectors": count, "idle_cpu_percent": idle * 100, "idle_rss_mb": lab.memory(worker.pid, "VmRSS")}


def bystanders(worker, count, transactions):
    """What connectors use while others write, of whose tables they have none: the server tells each slot of each transaction that it has passed."""
    write = f"do $$ begin for t in 1..{transactions} loop insert into bench_others values (t); commit; end loop; end $$"
    lab.psql("drop table if exists bench_others; create table bench_others (id int)")
    with waiting_connectors(worker, count):
        cpu, start = lab.cpu_seconds(worker.pid), time.monotonic()
        lab.psql(write)
        time.sleep(2)  # what the last of them caused
        seconds, cpu = time.monotonic() - start, lab.cpu_seconds(worker.pid) - cpu
        return {"worker": worker.label, "connectors": count, "transactions": transactions, "seconds": seconds, "cpu_percent": cpu / seconds * 100,
                "cpu_us_each": cpu / transactions / count * 1e6}


def pgbench(statements, rate, seconds):
    """The command that runs these statements so many times a second."""
    script = lab.Path(lab.os.environ["LAB_RUN"]) / "pgbench.sql"
    script.write_text(statements)
    return [f"{lab.PG_BIN}/pgbench", "-n", "-c", "4", "-j", "1", "-R", str(rate), "-T", str(seconds), "-f", script, "postgres"]


def steady(worker, connectors, rate, rows, seconds):
    """What a worker uses while transactions of so many rows come at a steady rate, each to one of its connectors; default settings."""
    lab.psql("drop schema if exists bench_steady cascade; create schema bench_steady")
    named = {}
    for number in range(1, connectors + 1):
        table, publication = f"bench_steady.t{number}", f"bench_steady_{number}"
        lab.psql(f"create table {table} (id bigserial primary key, kind int, note text); drop publication if exists {publication}; "
                 f"create publication {publication} for table {table}")
        named[f"bench_steady_{worker.label}_{number}_{int(time.time())}"] = (table, publication)
    write = (f"\\set t random(1, {connectors})\n"
             f"insert into bench_steady.t:t (kind, note) select g, repeat('n', 120) from generate_series(1, {rows}) g;\n")
    topics = lab.Topics([f"{name}.{table}" for name, (table, _) in named.items()])
    warm = 20  # not counted: the JVM warms up
    with streaming(worker, named):
        with subprocess.Popen(pgbench(write, rate, seconds + warm + 5), env=lab.PG_ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as writing:
            time.sleep(warm)
            cpu, start, before = lab.cpu_seconds(worker.pid), time.monotonic(), topics.records()
            time.sleep(seconds)
            cpu, elapsed, events = lab.cpu_seconds(worker.pid) - cpu, time.monotonic() - start, topics.records() - before
            if writing.wait():
                raise SystemExit("pgbench has failed")
    topics.delete()
    lab.psql("; ".join(f"drop publication {publication}" for _, publication in named.values()))
    return {"worker": worker.label, "connectors": connectors, "rate": rate, "rows": rows, "events": events, "events_per_second": events / elapsed,
            "cpu_percent": cpu / elapsed * 100, "cpu_us_each": cpu / events * 1e6}


class Listener(threading.Thread):
    """Consumes a topic and takes the age of every record that carries its time of writing."""

    def __init__(self, topic):
        super().__init__(daemon=True)
        self.consumer = Consumer({"bootstrap.servers": lab.KAFKA, "group.id": "bench-latency", "enable.auto.commit": False, "fetch.wait.max.ms": 10,
                                  "queued.max.messages.kbytes": 65536})
        self.consumer.assign([TopicPartition(topic, 0, 0)])
        self.ages, self.over = [], False

    def run(self):
        written = re.compile(rb'"written":(\d+)')
        while not self.over:
            for message in self.consumer.consume(1000, timeout=0.001):
                now = time.time_ns() // 1000
                if not message.error() and (found := written.search(message.value() or b"")) and (at := int(found[1])):
                    self.ages.append((now, (now - at) / 1000))
        self.consumer.close()


def latency(worker, rate, seconds, tuned):
    """Age of records when a consumer gets them, at a steady rate of rows. Transactions of one row; above 2,000 a second, of 10.
    A row holds clock_timestamp() of its own insert, which commits by itself: its age has the commit in it."""
    name = f"bench_latency_{worker.label}_{int(time.time())}"
    lab.psql("""drop publication if exists bench; drop table if exists bench_latency; create table bench_latency (id bigserial primary key, written bigint, note text);
create publication bench for table bench_latency""")
    rows = 1 if rate <= 2000 else 10
    write = (f"insert into bench_latency (written, note) select case g when 1 then (extract(epoch from clock_timestamp()) * 1e6)::bigint else 0 end, "
             f"repeat('n', 120) from generate_series(1, {rows}) g;\n")
    topics = lab.Topics([f"{name}.public.bench_latency"])
    with running(worker, name, topics):
        worker.create(name, connector(name, "public.bench_latency", tuned=tuned))
        lab.wait(lambda: lab.psql(f"select active from pg_replication_slots where slot_name = '{name}'") == "t", "the slot is read")
        listener = Listener(topics.names[0])
        listener.start()
        warm = 10  # not counted: the worker warms up, and catches up with what it missed
        begun = time.time_ns() // 1000
        done = subprocess.run(pgbench(write, rate / rows, seconds + warm), env=lab.PG_ENV, check=True, capture_output=True, text=True)
        achieved = int(re.search(r"actually processed: (\d+)", done.stdout)[1]) * rows / (seconds + warm)
        time.sleep(3)
        listener.over = True
        listener.join()
    ages = sorted(age for at, age in listener.ages if at > begun + warm * 1_000_000)
    at = lambda share: ages[min(int(len(ages) * share), len(ages) - 1)]
    return {"worker": worker.label, "rate": rate, "achieved": achieved, "tuned": tuned, "samples": len(ages), "p50": at(0.5), "p99": at(0.99), "p999": at(0.999)}
