"""What the comparisons with other programs share: the command line, running a program on one core, naming the machine."""
import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def last_core():
    return {max(os.sched_getaffinity(0))}


def output_of(command, environment=None, pinned=True):
    """Standard output of a command, by default on one core; a failure ends the program."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **(environment or {})},
                          preexec_fn=(lambda: os.sched_setaffinity(0, last_core())) if pinned else None)
    if done.returncode:
        sys.exit(f"{Path(sys.argv[0]).name}: {' '.join(map(str, command))} ended with status {done.returncode}")
    return done.stdout


def google_benchmark(program, arguments, environment=None, pinned=True):
    """The runs of a program of Google Benchmark."""
    return json.loads(output_of([program, *arguments, "--benchmark_format=json"], environment, pinned))["benchmarks"]


def circumstances():
    """Machine, commit, compiler and load: what belongs under every table."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    return {"machine": f"{cpu}, {os.cpu_count()} cores", "commit": output_of(["git", "describe", "--always", "--dirty", "--abbrev=8"]).strip(),
            "compiler": output_of(["c++", "--version"]).splitlines()[0], "python": platform.python_version(), "load": os.getloadavg()[1]}


def main(doc, ours, add_options, measure, table):
    """Command line of a comparison: measures, or prints the table of an earlier run.

    ours: what --ours names; add_options(parser): further ones; measure(options, parser) -> figures; table(figures) -> Markdown
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--ours", type=Path, help=f"the program {ours}")
    parser.add_argument("--rounds", type=int, default=3)
    add_options(parser)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--table", type=Path, metavar="FILE", help="a file written by --json: print its table, run nothing")
    options = parser.parse_args()
    if options.table:
        print(table(json.loads(options.table.read_text())))
        return
    if not options.ours:
        parser.error("--ours is needed (scripts/bench gives it)")
    options.ours = options.ours.resolve()
    result = {**measure(options, parser), "rounds": options.rounds, **circumstances()}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(table(result))
