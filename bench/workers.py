"""The two workers, each started alone: the peer as the lab runs it, Rowtide's release build with the same REST."""
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import lab

RUN = Path(os.environ["LAB_RUN"])
TUNED = {"max.batch.size": "20480", "max.queue.size": "81920", "poll.interval.ms": "10", "producer.override.batch.size": "262144", "producer.override.linger.ms": "5"}


def connector(name, table, schemas=False, router=False, tuned=True, **more):
    """A connector's configuration; slot and topic prefix have its name. The publication is the table's own."""
    json_converter = "org.apache.kafka.connect.json.JsonConverter"
    config = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1", "database.port": lab.PG_PORT, "database.user": "postgres", "database.password": "postgres",
        "database.dbname": "postgres", "topic.prefix": name, "slot.name": name, "publication.name": "bench",
        "publication.autocreate.mode": "disabled", "table.include.list": table, "snapshot.mode": "no_data",
        "key.converter": json_converter, "key.converter.schemas.enable": str(schemas).lower(),
        "value.converter": json_converter, "value.converter.schemas.enable": str(schemas).lower(),
    }
    if router:
        config |= {"transforms": "route", "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
                   "transforms.route.regex": r"([^.]+)\..*", "transforms.route.replacement": "$1.routed"}
    return config | (TUNED if tuned else {}) | more


class Failed(Exception):
    """A task has failed; its trace."""


class Worker:
    """What both have: a REST API and a process."""

    label, url, pid, look_every = "", "", 0, 0.1

    def spawn(self):
        """Begins to start."""
        raise NotImplementedError

    def start(self):
        """Starts it, ready for connectors -> seconds from exec to the first answer of its REST API."""
        begun = time.monotonic()
        self.spawn()
        lab.wait(lambda: self.answers("/"), f"{self.label} answers", every=self.look_every)
        seconds = time.monotonic() - begun
        lab.wait(lambda: self.answers("/connectors"), f"{self.label} is ready")
        return seconds

    def answers(self, path):
        """Whether this can be read."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def create(self, name, config, offset=None):
        """Makes a connector; with an offset it stays stopped at that place."""
        body = {"name": name, "config": config}
        lab.rest("POST", f"{self.url}/connectors", body if offset is None else {**body, "initial_state": "STOPPED"})
        if offset is not None:
            lab.wait(lambda: self.state(name) == "STOPPED", f"{name} is stopped")
            stored = {"lsn": offset, "lsn_proc": offset, "lsn_commit": offset, "txId": 1, "ts_usec": 1}
            lab.rest("PATCH", f"{self.url}/connectors/{name}/offsets", {"offsets": [{"partition": {"server": name}, "offset": stored}]})

    def state(self, name):
        """The connector's state, if it has one."""
        status = lab.rest("GET", f"{self.url}/connectors/{name}/status")
        return status and status["connector"]["state"]

    def check(self, name):
        """Raises `Failed` when a task has failed, or the worker itself."""
        try:
            status = lab.rest("GET", f"{self.url}/connectors/{name}/status")
        except OSError as gone:
            raise Failed(f"{self.label}: the worker does not answer any more: {gone}") from gone
        for task in status["tasks"] if status else []:
            if task["state"] == "FAILED":
                raise Failed(f"{self.label}: {task['trace'][:2000]}")

    def resume(self, name):
        """Lets a stopped connector run."""
        lab.rest("PUT", f"{self.url}/connectors/{name}/resume")

    def halt(self, name):
        """Stops a connector and waits until its slot is free."""
        lab.rest("PUT", f"{self.url}/connectors/{name}/stop")
        lab.wait_free(name)

    def delete(self, name):
        """Removes a connector and waits until its slot is free."""
        lab.rest("DELETE", f"{self.url}/connectors/{name}")
        lab.wait_free(name)


class Peer(Worker):
    """Kafka Connect with Debezium, G1, 2 GB of heap."""

    label, url = "peer", os.environ["LAB_CONNECT"]

    def spawn(self):
        (RUN / "connect.pid").unlink(missing_ok=True)
        with open(RUN / "connect-start.log", "w") as log:
            self.starter = subprocess.Popen([lab.LAB / "connect.sh", "start"], stdout=log, stderr=log)

    def start(self):
        """As any; the group's first round is part of what a user waits for."""
        seconds = super().start()
        self.starter.wait()
        self.pid = int((RUN / "connect.pid").read_text())
        return seconds

    def stop(self):
        """Ends it."""
        subprocess.run([lab.LAB / "connect.sh", "stop"], check=True, capture_output=True)


class Rowtide(Worker):
    """`rowtide standalone`; with `exactly_once` (disabled, enabled) the only worker of a group."""

    label, look_every = "rowtide", 0.002
    url = f"http://127.0.0.1:{os.environ['ROWTIDE_PORT']}"

    def __init__(self, exactly_once=None):
        self.exactly_once = exactly_once

    def spawn(self):
        properties = RUN / "rowtide.properties"
        json_converter = "org.apache.kafka.connect.json.JsonConverter"
        properties.write_text(f"bootstrap.servers={lab.KAFKA}\nkey.converter={json_converter}\nvalue.converter={json_converter}\n"
                              f"listeners={self.url}\noffset.flush.interval.ms=10000\n{self.storage()}")
        mode = "distributed" if self.exactly_once else "standalone"
        with open(RUN / "rowtide.log", "a") as log:
            self.process = subprocess.Popen([os.environ["ROWTIDE_BIN"], mode, properties], stdout=log, stderr=log)
        self.pid = self.process.pid

    def storage(self):
        """Where offsets go: a file that begins empty, or the topics of a group of this run."""
        if not self.exactly_once:
            offsets = RUN / "rowtide.offsets"
            offsets.unlink(missing_ok=True)
            return f"offset.storage.file.filename={offsets}\n"
        group = f"bench-group-{time.time_ns()}"
        topics = "".join(f"{kind}.storage.topic={group}-{kind}\n{kind}.storage.replication.factor=1\n" for kind in ("config", "offset", "status"))
        return f"group.id={group}\nexactly.once.source.support={self.exactly_once}\n{topics}"

    def stop(self):
        """Ends it."""
        self.process.terminate()
        self.process.wait(60)
