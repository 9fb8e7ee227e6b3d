"""Results, and the one table they are printed as."""

import dataclasses
import json
import os
import pathlib
import platform
import statistics
import subprocess
import time


@dataclasses.dataclass
class Row:
    """One measured number."""

    section: str
    subject: str
    quantity: str
    value: float
    unit: str
    # The runs that `value` is the median of, in their order.
    samples: list


@dataclasses.dataclass
class Goal:
    """What a number was meant to be, and what it is. A goal that is not met is no failure of the run."""

    text: str
    limit: float
    value: float
    unit: str = ""

    @property
    def met(self):
        return self.value <= self.limit


def median(values):
    values = list(values)
    return statistics.median(values) if values else float("nan")


def percentile(values, fraction):
    """Of `values`, the one that `fraction` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))] if ordered else float("nan")


class Report:
    def __init__(self):
        self.environment = environment()
        self.rows = []
        self.goals = []
        self.notes = []

    def add(self, section, subject, quantity, samples, unit):
        """Adds the median of the samples, and returns it."""
        samples = [samples] if isinstance(samples, (int, float)) else list(samples)
        samples = [sample for sample in samples if sample == sample]
        if not samples:
            return float("nan")
        row = Row(section, subject, quantity, median(samples), unit, samples)
        self.rows.append(row)
        return row.value

    def find(self, section, subject, quantity):
        for row in self.rows:
            if (row.section, row.subject, row.quantity) == (section, subject, quantity):
                return row.value
        return None

    def ratio(self, section, subject, other, quantity):
        """The median of the ratios of two subjects' runs, round by round; None where one was not measured."""
        samples = {
            row.subject: row.samples for row in self.rows if (row.section, row.quantity) == (section, quantity)}
        if not samples.get(subject) or not samples.get(other):
            return None
        return median(ours / theirs for ours, theirs in zip(samples[subject], samples[other]) if theirs)

    def goal(self, text, limit, value, unit=""):
        """Adds a goal, where both what it is compared with and what is compared could be measured."""
        if limit is not None and value is not None and limit == limit and value == value:
            self.goals.append(Goal(text, limit, value, unit))

    def note(self, text):
        self.notes.append(text)

    def write(self, path):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "environment": self.environment,
            "results": [dataclasses.asdict(row) for row in self.rows],
            "goals": [{**dataclasses.asdict(goal), "met": goal.met} for goal in self.goals],
            "notes": self.notes,
        }
        path.write_text(json.dumps(content, indent=1) + "\n")

    def print(self):
        print("  ".join(f"{name}: {value}" for name, value in self.environment.items()))
        for section in dict.fromkeys(row.section for row in self.rows):
            rows = [row for row in self.rows if row.section == section]
            quantities = list(dict.fromkeys((row.quantity, row.unit) for row in rows))
            cells = [[section] + [f"{quantity} [{unit}]" if unit else quantity for quantity, unit in quantities]]
            for subject in dict.fromkeys(row.subject for row in rows):
                found = {(row.quantity, row.unit): row.value for row in rows if row.subject == subject}
                cells.append([subject] + [number(found.get(quantity)) for quantity in quantities])
            print()
            print_table(cells)
        if self.goals:
            cells = [["goal", "at most", "measured", ""]]
            for goal in self.goals:
                cells.append([
                    goal.text, f"{number(goal.limit)} {goal.unit}".strip(), f"{number(goal.value)} {goal.unit}".strip(),
                    "met" if goal.met else "NOT met"])
            print()
            print_table(cells)
        for note in self.notes:
            print(f"\nnote: {note}")


def print_table(cells):
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        first, *rest = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))]
        print("  ".join([first, *rest]).rstrip())


def number(value):
    if value is None or value != value:
        return "-"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def environment():
    def first(path, prefix):
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(prefix):
                return line.split(":", 1)[1].strip()
        return "unknown"

    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit or "unknown",
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processor": first("/proc/cpuinfo", "model name"),
        "processors": len(os.sched_getaffinity(0)),
        "memory": first("/proc/meminfo", "MemTotal"),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }
