"""python3 Benchmarks/driver: measures tocsin against its peers and against the limit, and prints one table.

It measures and never judges: its exit status only tells whether it ran. Root is needed for what needs root.
"""

import argparse
import pathlib
import sys

import capture
import channel
import idle
import micro
from programs import Failed, Paths
from report import Report

SECTIONS = {
    "capture": lambda paths, report, options: capture.measure(paths, report, options.rounds, options.starts),
    "channel": lambda paths, report, options: channel.measure(paths, report, options.rounds),
    "idle": lambda paths, report, options: idle.measure(paths, report, options.idle_seconds),
    "micro": lambda paths, report, options: micro.measure(paths, report, options.rules),
}


def parse(repository):
    parser = argparse.ArgumentParser(prog="python3 Benchmarks/driver", description=__doc__.splitlines()[0])
    parser.add_argument("--output", default=repository / ".build/bench.json", help="where the results go as JSON")
    parser.add_argument("--tocsind", default=repository / ".build/release/tocsind", help="the daemon to measure")
    parser.add_argument("--rounds", type=int, default=5, help="runs of everything that is run alternately")
    parser.add_argument("--starts", type=int, default=2000, help="process starts in a storm")
    parser.add_argument("--idle-seconds", type=float, default=30, help="how long idleness is watched")
    given = [path for path in (repository / "../shared/sigma/rules", repository / "config/rules") if path.is_dir()]
    parser.add_argument("--rules", default=given[0] if given else None, help="directory of Sigma rules")
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="what to measure; without: everything")
    return parser.parse_args()


def main():
    repository = pathlib.Path(__file__).resolve().parent.parent.parent
    options = parse(repository)
    report = Report()
    paths = Paths(repository, options.tocsind)
    try:
        for name in options.sections or SECTIONS:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            try:
                SECTIONS[name](paths, report, options)
            except Failed as failure:
                report.note(f"{name} was not measured to its end: {failure}")
    finally:
        paths.remove()
    report.write(options.output)
    report.print()


main()
