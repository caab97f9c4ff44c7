"""The loads: tables, and changes written to the log as a backlog for any number of slots."""
import itertools
from pathlib import Path

from . import lab

FOLDER = Path(__file__).resolve().parent / "loads"
COUNTER = itertools.count()


class Load:
    """Tables with a publication `bench`, and SQL that writes changes; each run of a worker has a slot of its own."""

    def __init__(self, tables, include, schema, write, events, records):
        self.tables, self.include, self.write, self.events, self.records = tables, include, write, events, records
        self.slots = {}
        lab.psql("drop publication if exists bench; drop schema if exists bench_many cascade")
        for statement in schema:
            lab.psql(statement)
        published = f"table {tables[0]}" if len(tables) == 1 else "tables in schema bench_many"
        lab.psql(f"create publication bench for {published}")

    def backlog(self, count):
        """Makes slots, then writes the changes that wait in each."""
        self.make_slots(count)
        self.fill()

    def make_slots(self, count):
        """Makes slots; each says the position that it begins at."""
        for _ in range(count):
            name = f"bench_{next(COUNTER)}"
            lsn = lab.psql(f"select lsn - '0/0' from pg_create_logical_replication_slot('{name}', 'pgoutput')")
            self.slots[name] = int(lsn)

    def fill(self):
        """Writes the changes: a backlog of each slot that nobody reads."""
        lab.need_room(self.events * (3500 if "wide" in self.include else 750) / 1e9)  # table, log, and what the server spills of a large transaction
        lab.psql("checkpoint")
        lab.psql(self.write)
        lab.psql("checkpoint")  # not while a worker is measured

    def take(self):
        """A slot that nobody has read -> its name and its position."""
        return self.slots.popitem()

    def record_bytes(self, schemas):
        """About what a record takes of the broker's disk, at most."""
        return 1000 + 3000 * ("wide" in self.include) + 3000 * schemas

    def topics(self, name, router):
        """Where its records go."""
        return [f"{name}.routed"] if router else [f"{name}.{table}" for table in self.tables]


def drop_slot(name):
    """The slot of a run that is over."""
    lab.wait_free(name)
    lab.psql(f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{name}'")


def changes(name, count):
    """Half inserts, 30 % updates, 20 % deletes, in transactions of 100: `rows` of 200 bytes, or `wide` ones of 2 KB."""
    transactions = max(count // 100, 1)
    table = f"public.bench_{name}"
    write = f"call bench_{name}_load(1, {transactions})"
    return Load([table], table, [(FOLDER / f"{name}.sql").read_text()], write, transactions * 100, transactions * 120)


def one_transaction(rows):
    """Rows of about 200 bytes inserted in one transaction."""
    schema = [(FOLDER / "rows.sql").read_text()]
    write = (f"insert into bench_rows select g, g, 1.25, repeat('n', 120), now(), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' from generate_series(1, {rows}) g; "
             "truncate bench_rows")
    return Load(["public.bench_rows"], "public.bench_rows", schema, write, rows, rows)


def transactions_of(rows, total):
    """The same rows in transactions of that many, `total` rows at least."""
    load = one_transaction(rows)
    count = max(total // rows, 1)
    load.write = (f"do $$ begin for t in 0..{count - 1} loop insert into bench_rows select t * {rows} + g, g, 1.25, repeat('n', 120), now(), "
                  f"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' from generate_series(1, {rows}) g; commit; end loop; end $$")
    load.events = load.records = count * rows
    return load


def many_tables(tables, count):
    """Inserts in transactions of 100, each into the next table."""
    transactions = max(count // 100, tables)
    make = "execute format('create table bench_many.t%s (id int primary key, kind int, amount numeric(10,2), note text, at timestamptz, tag uuid)', i)"
    schema = ["create schema bench_many"]  # not too many tables in one transaction: each takes locks
    schema += [f"do $$ begin for i in {first}..{min(first + 99, tables)} loop {make}; end loop; end $$" for first in range(1, tables + 1, 100)]
    insert = ("insert into bench_many.t%s select %s * 100 + g, g, 1.25, repeat(''n'', 120), now(), ''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'' "
              "from generate_series(1, 100) g")
    write = f"do $$ begin for t in 0..{transactions - 1} loop execute format('{insert}', t % {tables} + 1, t); commit; end loop; end $$"
    names = [f"bench_many.t{i}" for i in range(1, tables + 1)]
    return Load(names, r"bench_many\.t.*", schema, write, transactions * 100, transactions * 100)


def snapshot_table(rows):
    """A table of rows of about 200 bytes, kept if it is there already."""
    if lab.psql("select to_regclass('bench_snapshot') is not null") == "t" and int(lab.psql("select count(*) from bench_snapshot")) == rows:
        return
    lab.psql("drop table if exists bench_snapshot; "
             "create table bench_snapshot (id int primary key, kind int, amount numeric(12,2), note text, at timestamptz, tag uuid)")
    lab.psql(f"insert into bench_snapshot select g, g, g * 1.25, repeat('n', 120), now(), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' from generate_series(1, {rows}) g")
    lab.psql("vacuum analyze bench_snapshot")
    lab.psql("checkpoint")
