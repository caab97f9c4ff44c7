"""The servers: SQL, REST, topics; and what a process has used. What is measured with them stands elsewhere."""
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "lab"
KAFKA = os.environ["LAB_KAFKA"]
PG_PORT = os.environ["LAB_PG_PORT"]
PG_BIN = "/usr/lib/postgresql/15/bin"
PG_ENV = {**os.environ, "PGPASSWORD": "postgres", "PGHOST": "127.0.0.1", "PGPORT": PG_PORT, "PGUSER": "postgres"}


def psql(sql):
    """Runs SQL -> what it answers."""
    command = ["psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-d", "postgres"]
    done = subprocess.run(command, input=sql, text=True, capture_output=True, env=PG_ENV)
    if done.returncode:
        raise SystemExit(f"{sql[:200]}\n{done.stderr}")
    return done.stdout.strip()


def read_slots(names):
    """How many of these slots somebody reads."""
    quoted = ",".join(f"'{name}'" for name in names)
    return int(psql(f"select count(*) from pg_replication_slots where active and slot_name in ({quoted})"))


def wait_read(names):
    """Waits until each of these slots is read."""
    wait(lambda: read_slots(names) == len(names), "all slots are read")


def wait_free(slot):
    """Waits until nobody reads a slot."""
    wait(lambda: read_slots([slot]) == 0, f"the slot {slot} is free")


def rest(method, url, body=None):
    """Asks a worker -> its answer as JSON, none for what it does not know (yet); any other error ends the run."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, method=method, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=90) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise SystemExit(f"{method} {url}: {error.code} {error.read().decode()[:1000]}") from error


def wait(condition, what, limit=120, every=0.1):
    """Asks until the condition holds."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {limit} s in vain until {what}")
        time.sleep(every)


class Topics:
    """Topics that are made before, so that their files go soon after them, and the records that they hold."""

    def __init__(self, names, **settings):
        self.names = list(names)
        self.admin = AdminClient({"bootstrap.servers": KAFKA})
        self.consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": "bench", "enable.auto.commit": False})
        config = {"file.delete.delay.ms": "1000", **settings}
        made = self.admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1, config=config) for name in self.names])
        for done in made.values():
            done.result()

    def records(self):
        """How many were written so far. One request for all topics: a hundred of them ten times a second would be a load of their own."""
        ends = self.admin.list_offsets({TopicPartition(name, 0): OffsetSpec.latest() for name in self.names}, request_timeout=20)
        return sum(end.result().offset for end in ends.values() if not end.exception())

    def record_size(self, count=500):
        """Mean bytes of key, value and headers, of the first records of the first topic."""
        self.consumer.assign([TopicPartition(self.names[0], 0, self.consumer.get_watermark_offsets(TopicPartition(self.names[0], 0))[0])])
        messages = [message for message in self.consumer.consume(count, timeout=10) if not message.error()]
        size = lambda part: len(part) if part else 0
        sizes = [size(m.key()) + size(m.value()) + sum(len(k) + size(v) for k, v in m.headers() or []) for m in messages]
        return sum(sizes) / max(len(sizes), 1)

    def delete(self):
        """Drops them, and waits until their files are gone and all that was written is on the disk: the broker's work for one run is not to fall into the next."""
        for done in self.admin.delete_topics(self.names, operation_timeout=60).values():
            done.result()
        self.consumer.close()
        logs = Path(os.environ["LAB_RUN"]) / "kafka" / "data"
        wait(lambda: not any(logs.glob("*-delete")), "the broker has removed the files of deleted topics")
        os.sync()


def need_room(gigabytes):
    """Refuses to fill the disk: a broker without room stops for all who use it."""
    free = shutil.disk_usage(os.environ["LAB_RUN"]).free / 1e9
    if free < gigabytes + 1:
        raise SystemExit(f"{free:.1f} GB are free where LAB_RUN is, and this takes {gigabytes:.1f} GB and 1 GB to spare: free some, or measure less (CHANGES, ROWS, RUNS, LARGEST_MB)")


def cpu_seconds(pid):
    """User and system time that a process has used, by its own clock, which has nanoseconds (`clock_getcpuclockid`)."""
    return time.clock_gettime((~pid << 3) | 2)


def busy_cores(seconds):
    """How many cores' worth of work all processes do, looked at for so long."""
    idle = lambda: int(Path("/proc/stat").read_text().split("\n")[0].split()[4]) / os.sysconf("SC_CLK_TCK")
    before = idle()
    time.sleep(seconds)
    return max(os.cpu_count() - (idle() - before) / seconds, 0)


def memory(pid, key):
    """A figure of /proc/PID/status in MB: VmRSS, VmHWM."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024


def reset_peak(pid):
    """VmHWM counts from here."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
