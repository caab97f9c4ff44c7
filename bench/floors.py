"""What the work costs when nothing but the server, or the broker, does it: the least that a connector could take."""
import os
import re
import resource
import subprocess
import time

from . import lab


def client(command, events):
    """Runs a client to its end -> its rate and CPU."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, env=lab.PG_ENV, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"events": events, "seconds": seconds, "events_per_second": events / seconds, "cpu_per_million": cpu / events * 1e6}


def receive(load):
    """`pg_recvlogical` reads a backlog and throws it away: the walsender's pace."""
    name, _ = load.take()
    end = lab.psql("select pg_current_wal_flush_lsn()")
    lab.psql("select pg_logical_emit_message(false, 'bench', 'end')")  # so that something comes at the end
    command = [f"{lab.PG_BIN}/pg_recvlogical", "-d", "postgres", "--slot", name, "--start", "--no-loop", "-f", "/dev/null", "--endpos", end,
               "-o", "proto_version=1", "-o", "publication_names=bench", "-o", "messages=true"]
    figures = client(command, load.events)
    lab.psql(f"select pg_drop_replication_slot('{name}')")
    return figures | {"floor": "pg_recvlogical"}


def copy(rows):
    """`COPY … TO STDOUT` of the table that snapshots read."""
    return client(["psql", "-qX", "-d", "postgres", "-c", "copy bench_snapshot to stdout"], rows) | {"floor": "COPY"}


def produce(count, size):
    """Kafka's own ProducerPerformance, with the tuned producer's batches."""
    topics = lab.Topics([f"bench_floor_{time.time_ns()}"])
    command = [os.environ.get("LAB_JAVA", "java"), "-Xmx512m", "-cp", f"{os.environ['LAB_HOME']}/kafka/libs/*", "org.apache.kafka.tools.ProducerPerformance",
               "--topic", topics.names[0], "--num-records", str(count), "--record-size", str(size), "--throughput", "-1",
               "--producer-props", f"bootstrap.servers={lab.KAFKA}", "batch.size=262144", "linger.ms=5", "acks=all"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rate = float(re.findall(r"([\d.]+) records/sec", done.stdout)[-1])
    topics.delete()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"floor": "ProducerPerformance", "events": count, "seconds": count / rate, "events_per_second": rate, "cpu_per_million": cpu / count * 1e6}
