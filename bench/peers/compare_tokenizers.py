#!/usr/bin/env python3
"""Times rto-llm's tokenizers beside Hugging Face's: the same texts, one core, rounds of both in turn.

usage: bench/peers/compare_tokenizers.py --ours build/torch/bin/rto-llm --data FOLDER [--rounds N] [--json FILE]
       bench/peers/compare_tokenizers.py --table FILE        (prints the table of an earlier run; docs/benchmarks.md holds one)

FOLDER holds tokenizers/*/*.json and corpus/*.txt. Run it with a python that has the package tokenizers. Both encode whole
files, and each line of them as a text of its own; the ids must be as many. Seconds are of processor time.
"""
import json
import os
import statistics
import sys
import time
from pathlib import Path

import measurement
from measurement import output_of

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
WAYS = {"whole files": [], "line by line": ["--lines"]}


def ours(program, tokenizer, files, options):
    out = output_of([program, "tokenize", *files, "--tokenizer", tokenizer, "--time", "1", *options])
    runs = [json.loads(line) for line in out.splitlines()]
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


def measure(options, parser):
    import tokenizers
    if not options.data:
        parser.error("--data is needed")
    data = options.data.resolve()
    os.sched_setaffinity(0, measurement.last_core())
    files = sorted((data / "corpus").glob("*.txt"))
    texts = [f.read_bytes().decode() for f in files]
    lines = [(t[:-1] if t.endswith("\n") else t).split("\n") for t in texts]
    result = {"bytes": sum(f.stat().st_size for f in files), "files": len(files), "peer": tokenizers.__version__, "runs": {}}
    for tokenizer in sorted(f for f in (data / "tokenizers").glob("*/*.json") if '"merges"' in f.read_text()):
        for way, lines_or_not in WAYS.items():
            run = {"ours": [], "theirs": [], "ours_load": [], "theirs_load": []}
            for _ in range(options.rounds):
                seconds, ids, load = ours(options.ours, tokenizer, files, lines_or_not)
                run["ours"].append(seconds)
                run["ours_load"].append(load)
                seconds, count, load = theirs(tokenizer, lines if lines_or_not else texts, bool(lines_or_not))
                run["theirs"].append(seconds)
                run["theirs_load"].append(load)
                if count != ids:
                    sys.exit(f"compare_tokenizers.py: {tokenizer}, {way}: {ids} ids here, {count} there")
            result["runs"][f"{tokenizer.parent.name}, {way}"] = {**run, "ids": ids}
    return result


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


def add_options(parser):
    parser.add_argument("--data", type=Path, help="the folder with tokenizers and corpus")


if __name__ == "__main__":
    measurement.main(__doc__, "rto-llm", add_options, measure, table)
