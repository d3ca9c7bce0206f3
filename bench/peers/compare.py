#!/usr/bin/env python3
"""Times training on a token tree beside numpy and jax: rounds over all of them in turn, each pinned to one core.

usage: bench/peers/compare.py --ours build/bench/bin/rto_bench_policy_optimization [--rounds N] [--json FILE]
       bench/peers/compare.py --table FILE        (prints the table of an earlier run; docs/benchmarks.md holds one)

Run it with the python that has numpy and jax; bench/peers/policy_optimization.py says how to make one.
"""
import json
import statistics
import sys
from pathlib import Path

import measurement
from measurement import google_benchmark, output_of

HERE = Path(__file__).resolve().parent
PEERS = {"numpy": ["numpy"], "jax": ["jax"], "jax, 64 bit": ["jax", "--x64"]}


def time_ours(program, name):
    """Samples per second of CPU and of wall time."""
    (run,) = google_benchmark(program, [f"--benchmark_filter=^{name}$", "--benchmark_min_time=0.3"])
    rate = run["items_per_second"]  # Google Benchmark's are per second of CPU time
    return rate, rate * run["cpu_time"] / run["real_time"]


def measure(options, _):
    rates = {}

    def note(name, version, precision, cpu, wall):
        rate = rates.setdefault(name, {"version": version, "precision": precision, "cpu": [], "wall": []})
        rate["cpu"] += cpu
        rate["wall"] += wall

    commit = output_of(["git", "describe", "--always", "--dirty", "--abbrev=8"]).strip()
    for _ in range(options.rounds):
        for name, label in (("optimize_policy_tabular", "rto"), ("optimize_policy_linear", "rto, linear features")):
            cpu, wall = time_ours(options.ours, name)
            note(label, commit, "float64", [cpu], [wall])
        for name, arguments in PEERS.items():
            run = json.loads(output_of([sys.executable, HERE / "policy_optimization.py", *arguments, "--runs", str(options.runs)]))
            note(name, run["version"], run["precision"], run["samples_per_second"], run["samples_per_wall_second"])
    return {"rates": rates}


def table(result):
    rates = result["rates"]
    ours_best, ours_median = max(rates["rto"]["cpu"]), statistics.median(rates["rto"]["cpu"])
    lines = ["| program | numbers | samples/s, best | median | rto is faster by, best | median |", "|---|---|--:|--:|--:|--:|"]
    for name, rate in rates.items():
        best, median = max(rate["cpu"]), statistics.median(rate["cpu"])
        ratio = ("", "") if name.startswith("rto") else (f"{ours_best / best:.1f} x", f"{ours_median / median:.1f} x")
        label = name if name.startswith("rto") else f"{name} ({rate['version']})"
        lines.append(f"| {label} | {rate['precision']} | {best / 1000:.0f} k | {median / 1000:.0f} k | {ratio[0]} | {ratio[1]} |")
    lines += ["", f"Samples per second of CPU time, one core, {result['rounds']} rounds. {result['machine']}; rto {result['commit']}, "
              f"{result['compiler']}; Python {result['python']}; load average {result['load']:.1f}."]
    return "\n".join(lines)


def add_options(parser):
    parser.add_argument("--runs", type=int, default=2, help="of 100 rollouts each, of a peer in a round")


if __name__ == "__main__":
    measurement.main(__doc__, "rto_bench_policy_optimization", add_options, measure, table)
