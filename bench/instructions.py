#!/usr/bin/env python3
"""Counts the instructions that an event costs, on recorded input, and holds them against bench/instructions.toml.

    bench/instructions.py           fails when a load costs 3 % more than the baseline
    bench/instructions.py update    writes the baseline anew: do it with the change that alters the cost, and say why

Needs valgrind and the PostgreSQL, Kafka and registry of the tests (ROWTIDE_TEST_PG, ROWTIDE_TEST_KAFKA, ROWTIDE_TEST_REGISTRY; see ci/test.sh). What runs is
crates/system-tests/examples/hot_path.rs. Counts differ by about 0.2 % from run to run, with schemas by 1.5 %: the broker answers when it answers.
Another processor (memcpy has variants), C library or compiler shifts them by more: update the baseline then, too."""
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "bench/instructions.toml"
TOLERANCE = 0.03
# load: arguments of the example
LOADS = {"rows": ["rows", "10000"], "rows-with-schemas": ["rows", "10000", "with-schemas"], "wide": ["wide", "5000"],
         "rows-avro": ["rows", "10000", "avro"], "wide-avro": ["wide", "5000", "avro"]}
# What functions cost with all that they call. Indented: part of the one above. The rest is the runtime's and the replay's.
STAGES = [
    ("source", r"cdc::coordinator::work::"),
    ("  decode", r"decode::pgoutput::pgoutput\b|pgoutput::Decoder::decode\b"),
    ("  values", r"relation::Captured::row\b"),
    ("  origin", r"source_block::SourceBlock::streamed\b"),
    ("  envelope", r"envelope::Emitter::emit\b"),
    ("produce", r"pipeline::produce::Produce::run\b"),
    ("  encode", r"pipeline::encode::Encoder::advance\b"),
    ("  converters", r"pipeline::plans::Plans::encode\b"),
    ("  batches", r"record_batch::BatchBuilder::append\b"),
    ("send", r"producer::sender::run_sender\b"),
]


def build():
    """The example as it is released -> its path."""
    subprocess.run(["cargo", "build", "-q", "--release", "--locked", "-p", "rowtide-system-tests", "--example", "hot_path"], cwd=ROOT, check=True)
    return Path(ROOT, os.environ.get("CARGO_TARGET_DIR", "target"), "release/examples/hot_path")


def count(program, arguments):
    """Runs one load under callgrind -> (instructions per event, the same for each stage)."""
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/callgrind"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--zero-before=*measure_from_here*", "--dump-before=*measure_to_here*"]
        done = subprocess.run([*command, program, *arguments], text=True, capture_output=True, timeout=300)
        if done.returncode:
            raise SystemExit(f"hot_path {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        events = int(re.search(r"^(\d+) events$", done.stdout, re.M)[1])
        total = int(re.search(r"^totals: (\d+)", Path(f"{out}.1").read_text(), re.M)[1])
        shown = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--show-percs=no", f"{out}.1"]
        functions = subprocess.run(shown, text=True, capture_output=True, check=True).stdout.splitlines()
    stages = {}
    for stage, pattern in STAGES:
        costs = [int(line.split()[0].replace(",", "")) for line in functions if re.search(pattern, line)]
        stages[stage] = max(costs, default=0) // events
    return total // events, stages


def judge(counts, baseline):
    """Prints each load beside its baseline -> whether one costs too much."""
    worse = False
    for load, (total, _) in counts.items():
        known = baseline[load]["total"]
        change = total / known - 1
        print(f"{load}: {total:,} instructions an event, {change:+.1%} against {known:,}")
        if change > TOLERANCE:
            worse = True
            print(f"  FAILED: more than {TOLERANCE:.0%} above bench/instructions.toml. If it is worth it: make bench-instructions, and say why in the commit")
        elif change < -TOLERANCE:
            print("  cheaper than the baseline: run make bench-instructions and commit it, or the gain can be lost unseen")
    return worse


def write(counts):
    """The new baseline."""
    lines = ["# Instructions that an event costs, by load and stage; written by `make bench-instructions`, held by `make test`.", f"# {platform()}", ""]
    for load, (total, stages) in counts.items():
        lines += [f"[{load}]", f"total = {total}"]
        lines += [f"{'  ' * (len(stage) - len(stage.lstrip()) > 0)}{stage.strip()} = {cost}" for stage, cost in stages.items()] + [""]
    BASELINE.write_text("\n".join(lines[:-1]) + "\n")
    print(BASELINE.read_text())


def platform():
    """What the counts depend on beside the code."""
    rust = subprocess.run(["rustc", "--version"], cwd=ROOT, text=True, capture_output=True, check=True).stdout.split(" (")[0]
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    return f"{rust}; {cpu[1] if cpu else 'processor unknown'}; {' '.join(os.confstr('CS_GNU_LIBC_VERSION').split())}"


def main():
    program = build()
    update, baseline = sys.argv[1:] == ["update"], tomllib.loads(BASELINE.read_text())
    loads = [load for load in LOADS if update or load in baseline]  # a new load has no baseline until it is updated
    with ThreadPoolExecutor(max_workers=2) as runs:
        counts = dict(zip(loads, runs.map(lambda load: count(program, LOADS[load]), loads)))
    if update:
        write(counts)
    elif judge(counts, baseline):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
