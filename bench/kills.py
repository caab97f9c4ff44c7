"""`python -m bench.kills peer|rowtide`: three `kill -9` within the initial snapshot, under a load of inserts, updates, deletes and keys
that come again; then the topic, replayed by key, is held against the table. The worker is one of the run's own."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from . import lab

ROWS = int(os.environ.get("ROWS", "200000"))
KILLS = 3
AWAY = 3  # seconds until a worker comes back
PORT = os.environ.get("KILLS_PORT", "18099")
SCHEMA = """drop table if exists {name}; create table {name} (id int primary key, n bigint not null, note text);
alter table {name} replica identity full; create sequence if not exists {name}_versions;
insert into {name} select i, nextval('{name}_versions'), repeat('x', 300) from generate_series(1, {rows}) i"""
LOAD = """do $$ declare k int; begin loop
  for i in 1..5 loop
    k := 1 + (random() * {rows})::int;
    delete from {name} where id = k;
    insert into {name} values ({rows} + (random() * 5000)::int, nextval('{name}_versions'), 'new') on conflict (id) do update set n = excluded.n;
    if k % 3 = 0 then insert into {name} values (k, nextval('{name}_versions'), 'again') on conflict (id) do nothing; end if;
    update {name} set n = nextval('{name}_versions') where id = 1 + (random() * {rows})::int;
  end loop;
  commit; perform pg_sleep(0.002);
end loop; end $$"""


class Run:
    """A worker with one connector, which is killed and started again in the same directory."""

    def __init__(self, worker, folder):
        self.worker, self.folder, self.name = worker, Path(folder), f"kills_{worker}"
        self.topic, self.url, self.pid = f"{self.name}.public.{self.name}", f"http://127.0.0.1:{PORT}", 0
        converter = "org.apache.kafka.connect.json.JsonConverter"
        self.connector = self.properties("connector", {
            "name": self.name, "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput",
            "database.hostname": "127.0.0.1", "database.port": lab.PG_PORT, "database.user": "postgres", "database.password": "postgres",
            "database.dbname": "postgres", "topic.prefix": self.name, "slot.name": self.name, "publication.name": self.name,
            "publication.autocreate.mode": "filtered", "table.include.list": f"public.{self.name}",
            "key.converter": converter, "key.converter.schemas.enable": "false",
            "value.converter": converter, "value.converter.schemas.enable": "false"})
        self.settings = self.properties("worker", {
            "bootstrap.servers": lab.KAFKA, "key.converter": converter, "value.converter": converter, "listeners": self.url,
            "offset.storage.file.filename": self.folder / "offsets", "offset.flush.interval.ms": "1000"})

    def properties(self, name, settings):
        """A file of them."""
        path = self.folder / f"{name}.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return path

    def start(self):
        """Starts it in its directory."""
        if self.worker == "rowtide":
            with open(self.folder / "log", "a") as log:
                command = [os.environ["ROWTIDE_BIN"], "standalone", self.settings, self.connector]
                self.pid = subprocess.Popen(command, stdout=log, stderr=log).pid
            return
        env = {**os.environ, "LAB_RUN": str(self.folder), "LAB_CONNECT_PORT": PORT, "LAB_CONNECT": self.url,
               "LAB_CONNECT_MODE": "standalone", "LAB_CONNECT_EXTRA": "offset.flush.interval.ms=1000"}
        subprocess.run([lab.LAB / "connect.sh", "start", self.connector], check=True, capture_output=True, env=env)
        self.pid = int((self.folder / "connect.pid").read_text())

    def kill(self):
        """`kill -9`; the slot is free after it."""
        os.kill(self.pid, signal.SIGKILL)
        lab.wait_free(self.name)


def replay(consumer, topic, end):
    """Reads the topic -> the last row of each key, and how many records were read rows."""
    consumer.assign([TopicPartition(topic, 0, 0)])
    rows, read, at = {}, 0, 0
    while at < end:
        for message in consumer.consume(5000, timeout=10):
            at = message.offset() + 1
            if message.value():
                value = json.loads(message.value())
                read += value["op"] == "r"
                row = value["before"] if value["op"] == "d" else value["after"]
                rows[row["id"]] = None if value["op"] == "d" else row["n"]
    return {key: n for key, n in rows.items() if n is not None}, read


def main():
    """One worker, one run, one line of figures."""
    with tempfile.TemporaryDirectory(prefix="kills") as folder:
        run = Run(sys.argv[1], folder)
        lab.psql(SCHEMA.format(name=run.name, rows=ROWS))
        topics = lab.Topics([run.topic])
        load = subprocess.Popen(["psql", "-qX", "-d", "postgres", "-c", LOAD.format(name=run.name, rows=ROWS)], env=lab.PG_ENV, stderr=subprocess.DEVNULL)
        for number in range(KILLS + 1):
            before = topics.records()
            run.start()
            lab.wait(lambda: topics.records() > before + ROWS // 5, "a fifth of the rows has come", every=0.05)
            if number < KILLS:
                run.kill()
                time.sleep(AWAY)
                print(f"killed at {topics.records()} records", flush=True)
        settle(run, topics, load)
        rows, read = replay(Consumer({"bootstrap.servers": lab.KAFKA, "group.id": "bench", "enable.auto.commit": False}), run.topic, topics.records())
        table = dict(map(int, line.split("|")) for line in lab.psql(f"select id, n from {run.name}").splitlines())
        gone, missing = rows.keys() - table.keys(), table.keys() - rows.keys()
        old = [key for key in table.keys() & rows.keys() if table[key] != rows[key]]
        print(f"{run.worker}: {len(gone) + len(missing) + len(old)} of {len(table)} keys differ ({len(gone)} rows that the table no longer has, "
              f"{len(missing)} missing, {len(old)} old); {read} rows read, {topics.records()} records")
        run.kill()
        lab.psql(f"select pg_drop_replication_slot('{run.name}'); drop publication if exists {run.name}; drop table {run.name}; drop sequence {run.name}_versions")
        topics.delete()


def settle(run, topics, load):
    """The snapshot ends, then the load; all of it arrives."""
    lab.wait(lambda: topics.records() > ROWS, "most of it has come", limit=600)
    lab.psql(f"select pg_terminate_backend(pid) from pg_stat_activity where query like 'do $$ declare k int%{run.name}%' and pid <> pg_backend_pid()")
    load.wait()
    lab.wait(lambda: quiet(topics, 15), "nothing more comes", limit=600, every=0)


def quiet(topics, seconds):
    """Whether nothing comes for so long."""
    before = topics.records()
    time.sleep(seconds)
    return topics.records() == before


if __name__ == "__main__":
    main()
