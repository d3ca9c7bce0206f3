#!/usr/bin/env python3
"""Times rto-llm's tokenizers beside Hugging Face's: the same texts, one core, rounds of both in turn.

usage: bench/peers/compare_tokenizers.py --ours build/torch/bin/rto-llm --data FOLDER [--rounds N] [--json FILE]
       bench/peers/compare_tokenizers.py --table FILE        (prints the table of an earlier run; docs/benchmarks.md holds one)

FOLDER holds tokenizers/*/*.json and corpus/*.txt. Run it with a python that has the package tokenizers. Both encode whole
files, and each line of them as a text of its own; the ids must be as many. Seconds are of processor time.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
WAYS = {"whole files": [], "line by line": ["--lines"]}


def ours(program, tokenizer, files, options):
    command = [program, "tokenize", *files, "--tokenizer", tokenizer, "--time", "1", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"compare_tokenizers.py: {' '.join(map(str, command))} ended with status {done.returncode}")
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    return sum(r["seconds"][0] for r in runs), sum(r["ids"] for r in runs), runs[0]["load"]


def theirs(tokenizer, texts, lines):
    from tokenizers import Tokenizer
    begin = time.process_time()
    t = Tokenizer.from_file(str(tokenizer))
    load = time.process_time() - begin
    count = 0
    begin = time.process_time()
    for text in texts:
        if lines:
            count += sum(len(e.ids) for e in t.encode_batch(text, add_special_tokens=False))
        else:
            count += len(t.encode(text, add_special_tokens=False).ids)
    return time.process_time() - begin, count, load


def measure(program, data, rounds):
    import tokenizers
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    files = sorted((data / "corpus").glob("*.txt"))
    texts = [f.read_bytes().decode() for f in files]
    lines = [(t[:-1] if t.endswith("\n") else t).split("\n") for t in texts]
    result = {"bytes": sum(f.stat().st_size for f in files), "files": len(files), "peer": tokenizers.__version__, "rounds": rounds,
              "runs": {}}
    for tokenizer in sorted(f for f in (data / "tokenizers").glob("*/*.json") if '"merges"' in f.read_text()):
        for way, options in WAYS.items():
            run = {"ours": [], "theirs": [], "ours_load": [], "theirs_load": []}
            for _ in range(rounds):
                seconds, ids, load = ours(program, tokenizer, files, options)
                run["ours"].append(seconds)
                run["ours_load"].append(load)
                seconds, count, load = theirs(tokenizer, lines if options else texts, bool(options))
                run["theirs"].append(seconds)
                run["theirs_load"].append(load)
                if count != ids:
                    sys.exit(f"compare_tokenizers.py: {tokenizer}, {way}: {ids} ids here, {count} there")
            result["runs"][f"{tokenizer.parent.name}, {way}"] = {**run, "ids": ids}
    machine = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    commit = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=8"], stdout=subprocess.PIPE, text=True).stdout.strip()
    return {**result, "machine": machine, "commit": commit, "load": os.getloadavg()[1]}


def table(result):
    lines = ["| tokenizer | ids | rto, MB/s | tokenizers, MB/s | rto is faster by | loading, ms | tokenizers, ms |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, run in result["runs"].items():
        mid = {k: statistics.median(v) for k, v in run.items() if k != "ids"}
        rate = [result["bytes"] / mid[k] / 1e6 for k in ("ours", "theirs")]
        lines.append(f"| {name} | {run['ids']} | {rate[0]:.1f} | {rate[1]:.2f} | {mid['theirs'] / mid['ours']:.0f} x | "
                     f"{1e3 * mid['ours_load']:.0f} | {1e3 * mid['theirs_load']:.0f} |")
    lines += ["", f"Medians of {result['rounds']} rounds, processor time of one core, a new process each; {result['files']} texts, "
              f"{result['bytes'] / 1e6:.1f} MB. tokenizers {result['peer']} with one thread; "
              f"rto {result['commit']}; {result['machine']}; load average {result['load']:.1f}."]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", type=Path, help="the program rto-llm")
    parser.add_argument("--data", type=Path, help="the folder with tokenizers and corpus")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--table", type=Path, metavar="FILE", help="a file written by --json: print its table, run nothing")
    o = parser.parse_args()
    if o.table:
        print(table(json.loads(o.table.read_text())))
        return
    if not o.ours or not o.data:
        parser.error("--ours and --data are needed (scripts/bench --tokenizers gives the first)")
    result = measure(o.ours.resolve(), o.data, o.rounds)
    if o.json:
        o.json.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))


if __name__ == "__main__":
    main()
