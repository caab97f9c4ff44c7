"""What is measured, in which order, how often: pairs of runs, the peer first. A section's figures go into bench/data."""
import json
import os
import platform
import re
import time
from pathlib import Path

from . import floors, lab, loads, measure
from .workers import Failed, Peer, Rowtide, connector

DATA = Path(__file__).resolve().parent / "data"
RUNS = int(os.environ.get("RUNS", 3))
CHANGES = int(os.environ.get("CHANGES", 2_000_000))
ROWS = int(os.environ.get("ROWS", 5_000_000))
SECONDS = int(os.environ.get("SECONDS_EACH", 60))
LARGEST_MB = int(os.environ.get("LARGEST_MB", 1024))
ROW_MB = 200e-6  # of the log, about


def by_registry(class_name, **options):
    """A converter of keys and values that asks the lab's registry."""
    both = {}
    for side in ("key", "value"):
        both |= {f"{side}.converter": class_name} | {f"{side}.converter.{name}": value.format(os.environ["LAB_REGISTRY"]) for name, value in options.items()}
    return both


def keep(section, runs, **what):
    """Writes a section's figures."""
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    machine = f"{os.cpu_count()} cores of {cpu[1] if cpu else platform.machine()}"
    DATA.mkdir(exist_ok=True)
    body = {"date": time.strftime("%F"), "machine": machine, "busy_cores_before": BUSY_BEFORE, **what, "runs": runs}
    (DATA / f"{section}.json").write_text(json.dumps(body, indent=1, default=lambda value: round(value, 3)) + "\n")


BUSY_BEFORE = round(lab.busy_cores(2), 1)


def say(figures):
    """One line of what was found."""
    print("   " + "  ".join(f"{key}={value:,.1f}" if isinstance(value, float) else f"{key}={value}" for key, value in figures.items()), flush=True)
    return figures


def pairs(load, variants, also_floor=False):
    """Drains a backlog by both workers, RUNS times each variant."""
    load.backlog(RUNS * (2 * len(variants) + also_floor))
    runs = []
    for run in range(RUNS):
        if also_floor:
            runs.append(say(floors.receive(load)))
        for variant in variants:
            runs += [say(measure.drain(worker, load, **variant) | variant) for worker in (Peer(), Rowtide())]
    return runs


def stream():
    """200-byte rows, JSON without schemas, with and without RegexRouter; pg_recvlogical of the same backlog."""
    keep("stream", pairs(loads.changes("rows", CHANGES), [{"router": False}, {"router": True}], also_floor=True), changes=CHANGES)


def schemas():
    """The same with schemas in every record, a quarter as long: records are several times larger."""
    keep("schemas", pairs(loads.changes("rows", CHANGES // 4), [{"schemas": True, "router": False}, {"schemas": True, "router": True}]), changes=CHANGES // 4)


# label: what the connector says beside the rest
CONVERTERS = {
    "JSON": {},
    "JSON, schemas": {f"{side}.converter.schemas.enable": "true" for side in ("key", "value")},
    "Avro, Confluent's name": by_registry("io.confluent.connect.avro.AvroConverter", **{"schema.registry.url": "{}/apis/ccompat/v7"}),
    "Avro, Apicurio's name": by_registry("io.apicurio.registry.utils.converter.AvroConverter", **{
        "apicurio.registry.url": "{}/apis/registry/v2", "apicurio.registry.auto-register": "true"}),
    "JSON Schema": by_registry("io.confluent.connect.json.JsonSchemaConverter", **{"schema.registry.url": "{}/apis/ccompat/v7"}),
    "JSON, Apicurio's name": by_registry("io.apicurio.registry.utils.converter.ExtJsonConverter", **{
        "apicurio.registry.url": "{}/apis/registry/v2", "apicurio.registry.auto-register": "true"}),
    "Protobuf": by_registry("io.confluent.connect.protobuf.ProtobufConverter", **{"schema.registry.url": "{}/apis/ccompat/v7", "optional.for.nullables": "true"}),
}


def converters():
    """Rowtide alone, the same 200-byte rows by each converter in turn."""
    load = loads.changes("rows", CHANGES // 2)
    load.backlog(RUNS * len(CONVERTERS))
    runs = []
    for _ in range(RUNS):
        for label, more in CONVERTERS.items():
            runs.append(say(measure.drain(Rowtide(), load, schemas=label == "JSON, schemas", more=more) | {"converter": label}))
    keep("converters", runs, changes=CHANGES // 2)


def wide():
    """Rows of 60 columns and 2 KB."""
    keep("wide", pairs(loads.changes("wide", CHANGES // 10), [{}]), changes=CHANGES // 10)


def tables():
    """Inserts into 100 tables, each with a topic."""
    keep("tables", pairs(loads.many_tables(100, CHANGES), [{}]), changes=CHANGES, tables=100)


def huge():
    """One transaction."""
    keep("huge", pairs(loads.one_transaction(CHANGES // 2), [{}]), changes=CHANGES // 2)


def snapshot():
    """A table of ROWS rows at 1 and 4 threads, and COPY."""
    loads.snapshot_table(ROWS)
    runs = []
    for run in range(RUNS):
        runs.append(say(floors.copy(ROWS)))
        for threads in (1, 4):
            runs += [say(tried(worker, threads)) for worker in (Peer(), Rowtide())]
    keep("snapshot", runs, rows=ROWS)


def tried(worker, threads):
    """A snapshot; the peer's heap does not suffice for every number of rows and threads, which is a finding like another."""
    try:
        return measure.snapshot(worker, ROWS, threads)
    except Failed as failed:
        return {"worker": worker.label, "threads": threads, "events": ROWS, "failed": str(failed).split("\n")[0][:200]}


def latency():
    """At 1,000 rows a second with default settings and with the tuned ones; then each at half of what it drained."""
    runs = []
    for tuned in (False, True):
        runs += [say(measure.latency(worker, 1000, SECONDS, tuned)) for run in range(RUNS) for worker in (Peer(), Rowtide())]
    drained = [run for run in read("stream")["runs"] if run.get("router") is False]
    for worker in (Peer, Rowtide):
        most = median(run["events_per_second"] for run in drained if run["worker"] == worker.label)
        runs += [say(measure.latency(worker(), round(most / 2, -2), SECONDS, True) | {"half": True}) for run in range(RUNS)]
    keep("latency", runs, seconds=SECONDS)


def start():
    """From exec to REST, from the POST to the first record, and an idle connector."""
    keep("start", [say(measure.start_and_idle(worker, SECONDS)) for run in range(RUNS) for worker in (Peer(), Rowtide())], seconds=SECONDS)


def idle():
    """What a worker holds that has 1 and 50 connectors with nothing to do."""
    runs = [say(measure.idle_connectors(worker, count, SECONDS)) for count in (1, 50) for worker in (Peer(), Rowtide())]
    keep("idle", runs, seconds=SECONDS)


def bystanders():
    """What 1 and 20 connectors cost on a server where others write."""
    transactions = CHANGES // 100
    runs = [say(measure.bystanders(worker, count, transactions)) for count in (1, 20) for worker in (Peer(), Rowtide())]
    keep("bystanders", runs, transactions=transactions)


# transactions a second, and rows of each
STEADY = [(10, 1), (100, 1), (1000, 1), (100, 100)]


def steady():
    """What one connector uses while transactions come at a steady rate."""
    runs = [say(measure.steady(worker, 1, rate, rows, SECONDS)) for rate, rows in STEADY for worker in (Peer(), Rowtide())]
    keep("steady", runs, seconds=SECONDS)


def scale_steady():
    """1 to 100 connectors in one process, each with a transaction of 50 rows a second."""
    keep("scale_steady", [say(measure.steady(Rowtide(), count, count, 50, SECONDS) | {"x": count}) for count in (1, 10, 30, 100)], seconds=SECONDS)


def exactly_once():
    """A worker of a group with and without exactly once, in turn: with the tuned settings (batches of 20,480) and with the default ones."""
    load = loads.changes("rows", CHANGES // 2)
    load.backlog(RUNS * 4)
    runs = []
    for tuned in (True, False):
        for _ in range(RUNS):
            runs += [say(measure.drain(Rowtide(support), load, tuned=tuned) | {"support": support, "tuned": tuned}) for support in ("disabled", "enabled")]
    keep("exactly_once", runs, changes=CHANGES // 2)


def producer():
    """Kafka's ProducerPerformance, with records as large as the stream's."""
    size = round(median(run["record_bytes"] for run in read("stream")["runs"] if "record_bytes" in run))
    keep("producer", [say(floors.produce(CHANGES // 2, size)) for run in range(RUNS)], record_bytes=size)


def scale_tables():
    """Rowtide's cost with 1 to 10,000 tables; one topic, so that the broker has the same work. Each has 300 events at least: the first asks the catalogs."""
    runs = []
    for count in (1, 10, 100, 1_000, 10_000):
        load = loads.many_tables(count, max(CHANGES // 4, count * 300))
        load.backlog(1)
        runs.append(say(measure.drain(Rowtide(), load, router=True) | {"x": count}))
    keep("scale_tables", runs)


def scale_transactions():
    """With transactions of 1 KB to LARGEST_MB."""
    runs, rows = [], 5
    while rows * ROW_MB <= LARGEST_MB * 1.01:
        load = loads.transactions_of(rows, max(CHANGES // 4, rows))
        load.backlog(1)
        kept = {"retention.bytes": str(2 << 30), "segment.bytes": str(256 << 20)}  # the topic need not hold all of it
        runs.append(say(measure.drain(Rowtide(), load, topic_settings=kept) | {"x": rows * ROW_MB}))
        rows *= 10
        if rows * ROW_MB > LARGEST_MB * 1.01 > rows * ROW_MB / 10 * 1.1:
            rows = int(LARGEST_MB / ROW_MB)
    keep("scale_transactions", runs)


def scale_connectors():
    """1 to 100 connectors in one process, the same changes in all. What a start costs is measured before, without a backlog."""
    runs = []
    for count in (1, 10, 30, 100):
        load = loads.many_tables(count, max(CHANGES // 4, count * 100))
        runs.append(say(connectors_drain(load, count) | {"x": count}))
    keep("scale_connectors", runs)


def connectors_drain(load, count):
    """Each connector has a table, a slot and a publication of its own; the publications come first, as slots see them so."""
    publications = [f"bench_of_{number}" for number in range(count)]
    for publication, table in zip(publications, load.tables):
        lab.psql(f"drop publication if exists {publication}; create publication {publication} for table {table}")
    load.make_slots(count)
    each = list(zip(load.slots.items(), publications, load.tables))
    names = [name for (name, _), _, _ in each]
    topics = lab.Topics([f"{name}.{table}" for (name, _), _, table in each])
    worker = Rowtide()
    worker.start()
    try:
        for (name, lsn), publication, table in each:
            worker.create(name, connector(name, table.replace(".", r"\."), **{"publication.name": publication}), offset=lsn)
        begin = lambda: [worker.resume(name) for name in names]
        figures = {"start_cpu_ms": measure.starts(worker, names, begin)}
        load.fill()
        figures |= measure.finished(worker, names[0], topics, load.records, load.events, begin)
        figures["cpu_per_million_after_starts"] = figures["cpu_per_million"] - figures["start_cpu_ms"] * count * 1000 / load.events
        for name in names:
            worker.delete(name)
    finally:
        worker.stop()
    for name, publication in zip(names, publications):
        loads.drop_slot(name)
        lab.psql(f"drop publication {publication}")
    topics.delete()
    return figures


def read(section):
    """A section's figures as they were kept."""
    path = DATA / f"{section}.json"
    if not path.exists():
        raise SystemExit(f"the section {section} has to be measured first")
    return json.loads(path.read_text())


def median(values):
    """The middle one."""
    values = sorted(values)
    return values[len(values) // 2] if len(values) % 2 else (values[len(values) // 2 - 1] + values[len(values) // 2]) / 2


ALL = [stream, schemas, converters, wide, tables, huge, snapshot, exactly_once, latency, start, idle, bystanders, steady, producer, scale_tables, scale_transactions, scale_connectors, scale_steady]
