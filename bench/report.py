"""bench/RESULTS.md and its plots, from bench/data, bench/instructions.toml and bench/notes.md. Measures nothing."""
import json
import tomllib
from pathlib import Path

from . import plots

HERE = Path(__file__).resolve().parent
HEAD = """# Rowtide beside the original

Written by `make bench` from the figures in `bench/data`; sections are measured again by `make bench ONLY=stream,latency`. Medians of runs in pairs: the
original first, then Rowtide, each started for its run and alone on the machine beside one Kafka broker and one PostgreSQL. CPU, memory: of the worker's
process. Both have the same settings (`max.batch.size` 20480, `max.queue.size` 81920, `poll.interval.ms` 10, producer batches of 256 KB, `linger.ms` 5); the original
has G1 and a heap of 2 GB. A backlog's rate counts from the resume of the connector to the last record in the topic: it has the warm-up of the JVM in
it, as it is for a user. Ratios count: absolute numbers are the machine's. A ratio below 1 is one that Rowtide loses.
"""


def median(values):
    """The middle one."""
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def table(head, rows):
    """A table in Markdown, numbers to the right."""
    lines = [f"| {' | '.join(head)} |", "|" + "|".join("---" if index == 0 else "---:" for index in range(len(head))) + "|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows]) + "\n"


def number(value):
    """For a cell."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


class Section:
    """A section's figures, if it was measured."""

    def __init__(self, name):
        path = HERE / f"data/{name}.json"
        self.name, self.body = name, json.loads(path.read_text()) if path.exists() else None

    def runs(self, **wanted):
        """The runs that are such, and came to their end."""
        return [run for run in self.all() if "failed" not in run and all(run.get(key) == value for key, value in wanted.items())]

    def all(self):
        """Every run."""
        return (self.body or {"runs": []})["runs"]

    def failures(self):
        """What did not come to its end, and what Rowtide had in its place."""
        lines = []
        for run in self.all():
            if "failed" in run:
                wanted = {key: run[key] for key in ("threads",) if key in run}
                ours = [number(self.middle(key, worker="rowtide", **wanted)) for key in ("events_per_second", "cpu_per_million", "peak_mb")]
                lines.append(f" The original failed with {wanted}: `{run['failed']}`; Rowtide: {ours[0]} events/s, {ours[1]} CPU-s per million, {ours[2]} MB.")
        return "".join(dict.fromkeys(lines))

    def middle(self, key, **wanted):
        """The median of a figure."""
        return median([run[key] for run in self.runs(**wanted)])

    def note(self):
        """When and where."""
        runs = len(self.runs(worker="rowtide"))
        # the load average, in which a section finds the one before it, stands in what was measured until 2026-11
        figure, most = ("busy_cores", 0.3) if "busy_cores_before" in self.body else ("load_average", 1)
        before = self.body[f"{figure}_before"]
        short = max(1_000_000 if "rate" in run else run.get("events", 1_000_000) for run in self.runs()) < 500_000
        doubts = [text for doubt, text in [(short, "a short run, in which the JVM does little but warm up"), (before > most, "a machine with other work")] if doubt]
        doubt = f" **For orientation only: {' and '.join(doubts)}.**" if doubts else ""
        return f"{self.body['date']}, {self.body['machine']}, {figure.replace('_', ' ')} before: {before}; {runs} runs of Rowtide in all.{doubt}{self.failures()}\n"


def backlogs():
    """Every drained backlog and the snapshots: one line of a comparison each."""
    cases = []
    for section, label, variants in [
        ("stream", "200-byte rows", [("", {"router": False}), (", RegexRouter", {"router": True})]),
        ("schemas", "200-byte rows, schemas", [("", {"router": False}), (", RegexRouter", {"router": True})]),
        ("wide", "60 columns, 2 KB", [("", {})]),
        ("tables", "100 tables", [("", {})]),
        ("huge", "one transaction", [("", {})]),
        ("snapshot", "snapshot", [(", 1 thread", {"threads": 1}), (", 4 threads", {"threads": 4})]),
    ]:
        found = Section(section)
        for suffix, wanted in variants:
            if found.runs(worker="peer", **wanted) and found.runs(worker="rowtide", **wanted):
                cases.append((label + suffix, found, wanted))
    return cases


def comparison(cases):
    """Rate, CPU, memory of both, with ratios; and the plots."""
    rows = []
    pair = lambda found, key, wanted: [found.middle(key, worker=worker, **wanted) for worker in ("peer", "rowtide")]
    for label, found, wanted in cases:
        rate, cpu, peak, mb = (pair(found, key, wanted) for key in ("events_per_second", "cpu_per_million", "peak_mb", "mb_per_second"))
        rows.append([f"{label} ({found.runs(**wanted)[0]['events']:,})", number(rate[0]), number(rate[1]), f"{rate[1] / rate[0]:.1f}", number(mb[0]), number(mb[1]),
                     number(cpu[0]), number(cpu[1]), f"{cpu[0] / cpu[1]:.1f}", number(peak[0]), number(peak[1]), f"{peak[0] / peak[1]:.1f}"])
    for name, key, title in [("rate", "events_per_second", "Events a second"), ("cpu", "cpu_per_million", "CPU-seconds per million events"), ("memory", "peak_mb", "Peak memory, MB")]:
        groups = [(label, pair(found, key, wanted)) for label, found, wanted in cases]
        plot(name, plots.bars(title, groups, ["original", "Rowtide"]))
    head = ["load (events)", "events/s: original", "Rowtide", "×", "MB/s: original", "Rowtide", "CPU-s per million: original", "Rowtide", "×", "peak MB: original", "Rowtide", "×"]
    sections = {found.name: found for _, found, _ in cases}
    notes = "".join(f"- {name}: {found.note()}" for name, found in sections.items())
    images = "\n".join(f"![{name}](plots/{name}.svg)" for name in ("rate", "cpu", "memory"))
    return f"## Backlogs and snapshots\n\n{table(head, rows)}\n{images}\n\n{notes}"


def servers(cases):
    """What the database's own process uses to send a backlog."""
    rows = []
    for label, found, wanted in cases:
        if all("server_cpu_per_million" in run for run in found.runs(**wanted)):
            peer, rowtide = (found.middle("server_cpu_per_million", worker=worker, **wanted) for worker in ("peer", "rowtide"))
            rows.append([label, number(peer), number(rowtide), f"{peer / rowtide:.1f}"])
    if not rows:
        return ""
    head = ["load", "CPU-s per million of the server's process: original", "Rowtide", "×"]
    return ("## What a backlog costs the server\n\nOf its process that decodes the log and sends it (walsender): it sends each row by itself, but for rows that find "
            f"the reader's socket full: a slow reader costs it least.\n\n{table(head, rows)}")


def plot(name, text):
    """Writes a plot."""
    (HERE / "plots").mkdir(exist_ok=True)
    (HERE / f"plots/{name}.svg").write_text(text)


def floors():
    """The floors, and how far above them Rowtide is."""
    rows = []
    for section, floor, wanted, label in [("stream", "pg_recvlogical", {"router": False}, "`pg_recvlogical` to /dev/null, the stream's backlog"),
                                          ("snapshot", "COPY", {"threads": 1}, "`COPY … TO STDOUT`, the snapshot's table"),
                                          ("producer", "ProducerPerformance", None, "Kafka's `ProducerPerformance`, the stream's record size; CPU with the start of its JVM")]:
        found = Section(section)
        if not found.runs(floor=floor):
            continue
        rate, cpu = found.middle("events_per_second", floor=floor), found.middle("cpu_per_million", floor=floor)
        ours = found.runs(worker="rowtide", **wanted) if wanted else []
        ratio = f"{rate / median([run['events_per_second'] for run in ours]):.1f}" if ours else ""
        rows.append([label, number(rate), number(cpu), ratio])
    return f"## Floors\n\n{table(['what', 'events/s', 'CPU-s per million of the client', 'its rate over Rowtide’s'], rows)}" if rows else ""


def latencies():
    """Commit to consumer."""
    found = Section("latency")
    if not found.body:
        return ""
    rows = []
    for label, wanted in [("1,000/s, default settings", {"rate": 1000, "tuned": False}), ("1,000/s, tuned", {"rate": 1000, "tuned": True}), ("half of its maximum, tuned", {"half": True})]:
        for worker in ("peer", "rowtide"):
            if found.runs(worker=worker, **wanted):
                cells = [number(found.middle(key, worker=worker, **wanted)) for key in ("achieved", "p50", "p99", "p999")]
                rows.append([f"{label}: {'original' if worker == 'peer' else 'Rowtide'}", *cells])
    text = ("From `clock_timestamp()` in the row's own INSERT, which commits by itself, to the consumer that reads the record, on one machine's clock. "
            "Above 2,000 rows a second transactions have 10 rows. The first 10 s do not count.\n")
    return f"## Latency, ms\n\n{text}\n{table(['rate', 'rows/s', 'p50', 'p99', 'p99.9'], rows)}\n{found.note()}"


def starts():
    """Start and idle cost."""
    found = Section("start")
    if not found.body:
        return ""
    rows = []
    for key, label in [("to_rest_ms", "exec to REST, ms"), ("to_first_record_ms", "POST to the first record, ms"), ("idle_cpu_percent", "idle connector: CPU, % of a core"), ("idle_rss_mb", "idle connector: resident MB")]:
        peer, ours = (found.middle(key, worker=worker) for worker in ("peer", "rowtide"))
        rows.append([label, number(peer) if peer >= 1 else f"{peer:.2f}", number(ours) if ours >= 1 else f"{ours:.2f}", f"{peer / ours:.1f}" if ours else ""])
    return f"## Start and idling\n\n{table(['what', 'original', 'Rowtide', '×'], rows)}\n{found.note()}"


FIGURES_OF_WAITING = [("idle", "idle_rss_mb", "resident MB"), ("idle", "idle_cpu_percent", "CPU, % of a core"),
                      ("bystanders", "cpu_us_each", "while others write: CPU, µs for each of their transactions, a connector")]


def idling():
    """What connectors cost that have nothing to do, by their number."""
    rows = []
    for section, key, label in FIGURES_OF_WAITING:
        found = Section(section)
        for count in sorted({run["connectors"] for run in found.runs()}):
            peer, ours = (found.middle(key, worker=worker, connectors=count) for worker in ("peer", "rowtide"))
            rows.append([f"{count} connector{'s' * (count > 1)}: {label}", number(peer), number(ours), f"{peer / ours:.1f}" if ours else ""])
    notes = "\n".join(Section(section).note() for section in ("idle", "bystanders") if Section(section).body)
    return f"## Connectors that wait\n\n{table(['what', 'original', 'Rowtide', '×'], rows)}\n{notes}" if rows else ""


def steadily():
    """What a connector uses at a steady rate."""
    found = Section("steady")
    if not found.body:
        return ""
    rows = []
    for rate, size in dict.fromkeys((run["rate"], run["rows"]) for run in found.runs()):
        both = [(found.middle("cpu_percent", worker=worker, rate=rate, rows=size), found.middle("cpu_us_each", worker=worker, rate=rate, rows=size)) for worker in ("peer", "rowtide")]
        (peer, peer_each), (ours, ours_each) = both
        label = f"{rate:,} transactions a second, of {size} row{'s' * (size > 1)}"
        rows.append([label, number(peer), number(ours), f"{peer / ours:.1f}" if ours else "", number(peer_each), number(ours_each)])
    text = "One connector, default settings; the first 20 s do not count. With them the original looks for events twice a second (its latency is above), Rowtide has them after milliseconds.\n"
    head = ["load", "CPU, % of a core: original", "Rowtide", "×", "µs an event: original", "Rowtide"]
    return f"## At a steady rate\n\n{text}\n{table(head, rows)}\n{found.note()}"


def by_converter():
    """What a format costs."""
    found = Section("converters")
    if not found.body:
        return ""
    plain = found.middle("cpu_per_million", converter="JSON")
    rows = []
    for label in dict.fromkeys(run["converter"] for run in found.runs()):
        rate, cpu, size = (found.middle(key, converter=label) for key in ("events_per_second", "cpu_per_million", "record_bytes"))
        rows.append([label, number(rate), number(cpu), f"{cpu / plain:.2f}", number(size)])
    text = "Rowtide alone, the stream's 200-byte rows; Avro by Apicurio's registry, which is asked once for each schema.\n"
    return f"## Converters\n\n{text}\n{table(['converter', 'events/s', 'CPU-s per million', 'CPU over JSON’s', 'record bytes'], rows)}\n{found.note()}"


def transactions():
    """What exactly once costs."""
    found = Section("exactly_once")
    if not found.body:
        return ""
    rows = []
    for label, tuned in [("batches of 20,480 (tuned settings)", True), ("default settings", False)]:
        for key, figure in [("events_per_second", "events/s"), ("cpu_per_million", "CPU-s per million")]:
            without, with_it = (found.middle(key, support=support, tuned=tuned) for support in ("disabled", "enabled"))
            cost = (without / with_it if key == "events_per_second" else with_it / without) - 1
            rows.append([f"{label}: {figure}", number(without), number(with_it), f"{cost * 100:+.0f} %"])
    text = "The only worker of a group, `exactly.once.source.support` disabled and enabled in turn, the stream's load; cost: how much longer it takes, or uses.\n"
    return f"## Exactly once\n\n{text}\n{table(['load', 'disabled', 'enabled', 'cost'], rows)}\n{found.note()}"


def instructions():
    """The baseline that `make test` holds."""
    baseline = tomllib.loads((HERE / "instructions.toml").read_text())
    stages = list(next(iter(baseline.values())))
    rows = [[stage, *(f"{load[stage]:,}" for load in baseline.values())] for stage in stages]
    text = ("Rowtide on recorded input, counted by callgrind (`make bench-instructions`); `make test` fails when a total rises by more than 3 %. decode, values, origin and "
            "envelope are parts of source, converters of encode, batches of produce.\n")
    return f"## Instructions per event\n\n{text}\n{table(['stage', *baseline], rows)}"


FIGURES_OF_SCALE = {"events_per_second": "events/s", "cpu_per_million": "CPU-s per million", "cpu_per_million_after_starts": "without starts",
                    "start_cpu_ms": "a start, CPU ms", "cpu_us_each": "CPU-s per million", "peak_mb": "peak MB"}


def scale():
    """The curves."""
    parts = []
    for name, label in [("scale_tables", "tables"), ("scale_transactions", "MB a transaction"), ("scale_connectors", "connectors in the process"), ("scale_steady", "connectors, 50 events a second each")]:
        found = Section(name)
        if found.body:
            shown = {key: title for key, title in FIGURES_OF_SCALE.items() if key in found.runs()[0]}
            drawn = next(key for key in ("cpu_per_million_after_starts", "cpu_us_each", "cpu_per_million") if key in shown)
            plot(name, plots.curve(f"CPU-seconds per million events, {label}", [(run["x"], run[drawn]) for run in found.runs()], label))
            rows = [[plots.number(run["x"]), f"{run['events']:,}", *(number(run[key]) for key in shown)] for run in found.runs()]
            parts.append(f"{table([label, 'events', *shown.values()], rows)}\n![{name}](plots/{name}.svg)\n\n{found.note()}")
    text = "Rowtide alone. Tables: one topic for all, by RegexRouter. Connectors: a slot each, so the server decodes the log once for each.\n"
    return f"## Scale\n\n{text}\n" + "\n".join(parts) if parts else ""


def write():
    """All of it."""
    cases = backlogs()
    parts = [HEAD, comparison(cases) if cases else "", servers(cases), floors(), by_converter(), transactions(), latencies(), steadily(), starts(), idling(), instructions(), scale(), (HERE / "notes.md").read_text()]
    (HERE / "RESULTS.md").write_text("\n".join(part.rstrip() + "\n" for part in parts if part))
