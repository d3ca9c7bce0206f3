#!/usr/bin/env python3
"""Times training on a token tree beside numpy and jax: rounds over all of them in turn, each pinned to one core.

usage: bench/peers/compare.py --ours build/bench/bin/rto_bench_policy_optimization [--rounds N] [--json FILE]
       bench/peers/compare.py --table FILE        (prints the table of an earlier run; docs/benchmarks.md holds one)

Run it with the python that has numpy and jax; bench/peers/policy_optimization.py says how to make one.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = {"numpy": ["numpy"], "jax": ["jax"], "jax, 64 bit": ["jax", "--x64"]}


def output_of(command):
    core = max(os.sched_getaffinity(0))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent.parent,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode:
        sys.exit(f"compare.py: {' '.join(map(str, command))} ended with status {done.returncode}")
    return done.stdout


def time_ours(program, name):
    """Samples per second of CPU and of wall time."""
    out = json.loads(output_of([program, f"--benchmark_filter=^{name}$", "--benchmark_min_time=0.3", "--benchmark_format=json"]))
    (run,) = out["benchmarks"]
    rate = run["items_per_second"]  # Google Benchmark's are per second of CPU time
    return rate, rate * run["cpu_time"] / run["real_time"]


def measure(program, rounds, runs):
    rates = {}

    def note(name, version, precision, cpu, wall):
        rate = rates.setdefault(name, {"version": version, "precision": precision, "cpu": [], "wall": []})
        rate["cpu"] += cpu
        rate["wall"] += wall

    commit = output_of(["git", "describe", "--always", "--dirty", "--abbrev=8"]).strip()
    for _ in range(rounds):
        for name, label in (("optimize_policy_tabular", "rto"), ("optimize_policy_linear", "rto, linear features")):
            cpu, wall = time_ours(program, name)
            note(label, commit, "float64", [cpu], [wall])
        for name, arguments in PEERS.items():
            run = json.loads(output_of([sys.executable, HERE / "policy_optimization.py", *arguments, "--runs", str(runs)]))
            note(name, run["version"], run["precision"], run["samples_per_second"], run["samples_per_wall_second"])
    cpu_model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    return {"machine": f"{cpu_model}, {os.cpu_count()} cores", "commit": commit, "python": platform.python_version(),
            "compiler": output_of(["c++", "--version"]).splitlines()[0], "rounds": rounds, "load": os.getloadavg()[1], "rates": rates}


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", type=Path, help="the program rto_bench_policy_optimization")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=2, help="of 100 rollouts each, of a peer in a round")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--table", type=Path, metavar="FILE", help="a file written by --json: print its table, run nothing")
    o = parser.parse_args()
    if o.table:
        print(table(json.loads(o.table.read_text())))
        return
    if not o.ours:
        parser.error("--ours is needed (scripts/bench --peers gives it)")
    result = measure(o.ours.resolve(), o.rounds, o.runs)
    if o.json:
        o.json.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


if __name__ == "__main__":
    main()
