#!/usr/bin/env python3
"""Times the LibTorch back end beside PyTorch, eager and compiled, and beside Eigen: the same device, rounds of all in turn.

usage: bench/peers/compare_torch.py --ours build/bench-torch/bin/rto_bench_torch [--peers] [--device cpu|cuda] [--only REGEX] [--rounds N]
                                    [--json FILE]
       bench/peers/compare_torch.py --table FILE        (prints the tables of an earlier run; docs/benchmarks.md holds one)

Run it with a python that has torch of the version of LibTorch for --peers. On the CPU everything runs on one core with one thread, and
times are of the processor; each figure is the fastest of all rounds.
"""
import json
import re
import sys
from pathlib import Path

import measurement
from measurement import google_benchmark, output_of

HERE = Path(__file__).resolve().parent


def measure(options, _):
    on_cpu = options.device == "cpu"
    environment = {"RTO_BENCH_DEVICE": options.device, **({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"} if on_cpu else {})}
    runs, version = {}, None

    def note(case, way, milliseconds, **more):
        run = runs.setdefault(case, {}).setdefault(way, {"milliseconds": []})
        run["milliseconds"].append(milliseconds)
        run.update(more)

    for _ in range(options.rounds):
        arguments = [f"--benchmark_filter={options.only}", "--benchmark_min_time=0.02", f"--benchmark_repetitions={options.repetitions}"]
        for run in google_benchmark(options.ours, arguments, environment, pinned=on_cpu):
            if run["run_type"] != "iteration":
                continue
            if run.get("error_occurred"):
                sys.exit(f"compare_torch.py: {run['name']}: {run['error_message']}")
            name = re.sub(r"/(process_time|real_time)\b", "", run["run_name"])
            more = {k: run[k] for k in ("bytes_per_second", "memory_of_logits", "label") if k in run}
            note(name, "rto", run["cpu_time" if on_cpu else "real_time"], **more)
        if options.peers:
            command = [sys.executable, HERE / "tensor_operations.py", "--device", options.device, "--case", options.only]
            for line in output_of(command, environment, pinned=on_cpu).splitlines():
                run = json.loads(line)
                version = run["version"]
                note(run["case"], run["way"], run["milliseconds"])
    return {"device": options.device, "torch": version, "runs": runs}


def table(result):
    runs = {case: {way: {**run, "best": min(run["milliseconds"])} for way, run in ways.items()} for case, ways in result["runs"].items()}

    def best(case, prefix="rto"):
        ways = [(run["best"], way) for way, run in runs.get(case, {}).items() if way.startswith(prefix)]
        return min(ways) if ways else None

    lines = []
    steps = [c for c in runs if c.startswith("token_policy_step")]
    logs = [c for c in runs if c.startswith("token_log_probability")]
    beside = [c for c in steps + logs if best(c) and (best(c, "eager") or best(c, "compile"))]
    if beside:
        lines += ["| operation | rto, ms | PyTorch eager, ms | rto is faster by | torch.compile, ms | rto is faster by |", "|---|--:|--:|--:|--:|--:|"]
    for case in beside:
        ours, cells = best(case), []
        for mode in ("eager", "compile"):
            peer = best(case, mode)
            way = f" ({peer[1].split(', ')[1]})" if peer and ", " in peer[1] else ""
            cells += [f"{peer[0]:.2f}{way}", f"{peer[0] / ours[0]:.2f} x"] if peer else ["", ""]
        lines.append(f"| {case.replace('/', ' ')} | {ours[0]:.2f} | {' | '.join(cells)} |")
    memory = [c for c in logs if "memory_of_logits" in runs[c].get("rto", {})]
    if memory:
        lines += ["", "| by LibTorch's own operations, from C++ | rto, ms | log_softmax, gather, ms | rto is faster by | memory beside the logits, in their size | log_softmax, gather |",
                  "|---|--:|--:|--:|--:|--:|"]
        for case in memory:
            plain = case.replace("token_log_probability", "log_softmax_gather")
            ours, other = runs[case]["rto"], runs[plain]["rto"]
            lines.append(f"| {case.replace('/', ' ')} | {ours['best']:.0f} | {other['best']:.0f} | {other['best'] / ours['best']:.2f} x | "
                         f"{ours['memory_of_logits']:.4f} | {other['memory_of_logits']:.2f} |")
    pairs = [(c, c.replace("/tensor", "/eigen")) for c in runs if "/tensor" in c and c.replace("/tensor", "/eigen") in runs]
    if pairs:
        lines += ["", "| the same template | tensors, ms | Eigen, ms | tensors are faster by |", "|---|--:|--:|--:|"]
        for tensor, eigen in pairs:
            a, b = best(tensor)[0], best(eigen)[0]
            label = runs[tensor]["rto"].get("label", "")
            lines.append(f"| {tensor.replace('/tensor', '').replace('/', ' ')}{', ' + label if label else ''} | {a:.1f} | {b:.1f} | {b / a:.2f} x |")
    copied = runs.get("copy", {}).get("rto", {}).get("bytes_per_second")
    if copied and result["device"] != "cpu":
        lines += ["", "| on the device | ms | GB/s | share of a copy's |", "|---|--:|--:|--:|"]
        for case, ways in runs.items():
            if "bytes_per_second" in ways.get("rto", {}):
                rate = ways["rto"]["bytes_per_second"]
                lines.append(f"| {case.replace('/', ' ')} | {ways['rto']['best']:.2f} | {rate / 1e9:.0f} | {rate / copied:.0%} |")
            elif case.startswith("reward_mle"):
                lines.append(f"| {case.replace('/', ' ')} | {ways['rto']['best']:.1f} | | |")
    where = "one core, processor time" if result["device"] == "cpu" else result["device"]
    peer = f"PyTorch {result['torch']}, Python {result['python']}; " if result["torch"] else ""
    lines += ["", f"Fastest of {result['rounds']} rounds, {where}. {peer}rto {result['commit']}, {result['compiler']}; {result['machine']}; "
              f"load average {result['load']:.1f}."]
    return "\n".join(lines).lstrip()


def add_options(parser):
    parser.add_argument("--peers", action="store_true", help="beside PyTorch of Python")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--repetitions", type=int, default=10, help="of each case of ours in a round, at least 0.02 s long")
    parser.add_argument("--only", default=".", help="regular expression of the cases to run")


if __name__ == "__main__":
    measurement.main(__doc__, "rto_bench_torch", add_options, measure, table)
