"""In-process benchmarks: those of the package beside this directory, which the benchmark tool runs."""

import json
import os
import pathlib
import re
import subprocess

from programs import Failed

SECTION = "in process, per event"


def measure(paths, report, rules):
    package = pathlib.Path(__file__).resolve().parent.parent
    exported = paths.scratch / "micro"
    exported.mkdir()
    environment = {**os.environ}
    if rules:
        environment["TOCSIN_BENCH_RULES"] = str(pathlib.Path(rules).resolve())
    done = subprocess.run(
        ["swift", "package", "--package-path", str(package), "--allow-writing-to-directory", str(exported),
         "benchmark", "--format", "jmh", "--path", str(exported), "--no-progress"],
        cwd=package, env=environment, capture_output=True, text=True, timeout=1800)
    files = list(exported.glob("*.jmh.json"))
    if done.returncode != 0 or not files:
        raise Failed("swift package benchmark: " + (done.stderr.strip() or done.stdout.strip())[-400:])
    for result in sorted(json.loads(files[0].read_text()), key=lambda result: result["benchmark"]):
        # `measure(_:count:)` there puts how many things a sample is into the name.
        name, count = re.fullmatch(r".*?\.Micro\.(.*)_x(\d+)", result["benchmark"]).groups()
        name = name.replace("_", " ")
        time = result["secondaryMetrics"]["Time (wall clock)"]["scorePercentiles"]
        allocations = result["secondaryMetrics"]["allocationsPerThousand"]["scorePercentiles"]["50.0"] / 1000
        for quantity, key in (("p50", "50.0"), ("p99", "99.0")):
            report.add(SECTION, name, f"{quantity} of samples", time[key] / int(count), "us")
        report.add(SECTION, name, "allocations", allocations, "")
    loaded = re.search(r"rules: (\d+) loaded, (\d+) refused, tables (\d+) bytes", done.stdout + done.stderr)
    if loaded:
        report.add("rules", "all", "loaded", int(loaded[1]), "")
        report.add("rules", "all", "refused", int(loaded[2]), "")
        report.add("rules", "all", "tables", int(loaded[3]) / 2**20, "MiB")
    else:
        report.note("the rule benchmark did not say how many rules it loaded")
    report.environment["rules"] = str(rules)
    report.goal("encoding an execution", 2, report.find(SECTION, "encode an execution", "p50 of samples"), "us")
    report.goal(
        "all rules, an ordinary start", 5, report.find(SECTION, "all rules, an ordinary start", "p50 of samples"), "us")
    for name in ("log and complete for 1 sessions", "encode, log and complete for 1 sessions"):
        report.goal(f"allocations: {name}", 0, report.find(SECTION, name, "allocations"))
