"""Capture: storms of process starts, watched by tocsin, by other monitors, by the least that could watch, and by nobody.

Every storm of a watched run has an unwatched one just before it; a slowdown is the ratio of the two, and what is
reported is the median of these ratios; two monitors are compared round by round. The monitors take turns, so that what the machine does meanwhile meets all alike.
"""

import bisect
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from programs import Daemon, Failed, Usage, end, run
from report import percentile

SECTION = "capture"
# A start of the storm in any monitor's output: prefix and number, as the storm makes the argument.
PREFIX = "tsnbench"
UNIT = pathlib.Path(__file__).resolve().parents[2] / "systemd" / "tocsin.service"
# bpftrace looks up its probes in tracefs, which a container or a small machine may not have mounted. The mount is of this
# one program; the shell becomes the program, so its pid stays.
WITH_TRACEFS = [] if os.path.exists("/sys/kernel/tracing/available_events") else [
    "unshare", "--mount", "sh", "-c", 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"', "sh"]


class Monitor:
    """Something that watches process starts. Its output goes to a collector, which notes when each byte came.

    `start` returns once it watches. `pid` is the process whose cost counts.
    """

    name = "nothing"
    # Another program that the output goes through; its CPU is told apart.
    reader_pid = None
    # Finds the pid in a line about an execution of the storm, where the line need not hold the argument.
    pid_pattern = None

    def __init__(self, paths):
        self.paths = paths
        self.collector = None
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        self.output = self.paths.fresh("output")

    def stop(self):
        for process in (self.process, self.collector):
            if process:
                end(process, self.signal if process is self.process else signal.SIGTERM)

    signal = signal.SIGTERM


class Command(Monitor):
    """A program that prints a line for each execution."""

    def __init__(self, paths, name, command, pid_pattern):
        super().__init__(paths)
        self.name = name
        self.command = command
        self.pid_pattern = re.compile(pid_pattern)

    # What bpftrace and extrace end orderly for.
    signal = signal.SIGINT

    def start(self):
        super().start()
        # The monitor is a child of this process, so that its use of resources can be read before it ends.
        self.errors = self.paths.fresh("errors")
        reading, writing = os.pipe()
        try:
            self.collector = subprocess.Popen([self.paths.tool("collect"), self.output], stdin=reading)
            with open(self.errors, "wb") as errors:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=writing, stderr=errors)
        finally:
            os.close(reading)
            os.close(writing)


class Tocsin(Monitor):
    """tocsind with one source of process starts, and one subscriber to executions: the whole way of an event."""

    pid_pattern = re.compile(rb'"type":"exec".*?"pid":(\d+)')
    nice = 0

    def __init__(self, paths, source):
        super().__init__(paths)
        self.name = f"tocsin {source}"
        self.source = source

    def start(self):
        super().start()
        self.daemon = Daemon(self.paths, [self.source], nice=self.nice)
        self.process = self.daemon.process
        self.collector = subprocess.Popen([self.paths.tool("collect"), self.output, self.daemon.socket])


class Unit(Tocsin):
    """The same with the priority that its unit gives the daemon."""

    nice = int(re.search(r"^Nice=(-\d+)$", UNIT.read_text(), re.MULTILINE).group(1))

    def __init__(self, paths, source):
        super().__init__(paths, source)
        self.name = f"tocsin {source}, nice {self.nice} as its unit says"


class Subscribe(Tocsin):
    """The same up to what `tocsin subscribe` prints. The daemon's cost counts, and that of the subscriber apart."""

    def __init__(self, paths, source, format):
        super().__init__(paths, source)
        self.format = format
        self.name = f"tocsin {source}, by tocsin subscribe --format {format}"

    def start(self):
        self.output = self.paths.fresh("output")
        self.daemon = Daemon(self.paths, [self.source])
        self.process = self.daemon.process
        reading, writing = os.pipe()
        try:
            self.collector = subprocess.Popen([self.paths.tool("collect"), self.output], stdin=reading)
            self.subscriber = subprocess.Popen(
                [str(self.paths.tocsind.parent / "tocsin"), "subscribe", "--format", self.format, "--type", "exec",
                 "--include-self", "--socket", self.daemon.socket], stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.DEVNULL)
            self.reader_pid = self.subscriber.pid
        finally:
            os.close(reading)
            os.close(writing)

    def stop(self):
        end(self.subscriber, signal.SIGINT)
        super().stop()


def monitors(paths, report):
    """Those that are installed, and the sources that this tocsind has."""
    yield Command(
        paths, "C limit", [paths.tool("execs"), paths.tool("execs.bpf.o")], rb"^(\d+) ")
    for source in tocsin_sources(paths):
        yield Tocsin(paths, source)
        if source == "ebpf":
            yield Unit(paths, source)
            yield Subscribe(paths, source, "json")
            yield Subscribe(paths, source, "text")
    # As bpftrace's own execsnoop.bt does it.
    program = 'tracepoint:syscalls:sys_enter_execve { printf("%d ", pid); join(args->argv); }'
    others = [
        ("bpftrace", ["-B", "line", "-e", program], rb"^(\d+) "),
        ("forkstat", ["-l", "-e", "exec"], rb"exec +(\d+)"),
        ("extrace", [], rb"^ *(\d+) "),
    ]
    for name, arguments, pattern in others:
        path = shutil.which(name)
        if path:
            yield Command(paths, name, [*WITH_TRACEFS * (name == "bpftrace"), path, *arguments], pattern)
        else:
            report.note(f"{name} is not installed and was not measured.")


def tocsin_sources(paths):
    """Sources of process starts that `tocsind --source` takes, as its help lists them."""
    text = " ".join(run(str(paths.tocsind), "--help").split())
    listed = re.search(r"instead of the configuration's: ([a-z, ]+)", text)
    names = re.split(r",\s*", listed.group(1)) if listed else []
    return [name.strip() for name in names if name.strip() in ("ebpf", "fanotify", "proc")]


def measure(paths, report, rounds, count):
    """Adds what every monitor costs and sees to the report."""
    spawners = (1, 8)
    results = {}
    for number in range(rounds):
        ready = [monitor for monitor in monitors(paths, report if number == 0 else _Silent())]
        turn = number % len(ready)
        for monitor in ready[turn:] + ready[:turn]:
            if results.get(monitor.name, ()) is None:
                continue
            try:
                _measure_once(paths, monitor, spawners, count, results.setdefault(monitor.name, {}))
            except Failed as failure:
                results[monitor.name] = None
                report.note(f"{monitor.name} was not measured: {str(failure).splitlines()[-1]}")
    for name in dict.fromkeys(monitor.name for monitor in monitors(paths, _Silent())):
        for many in spawners:
            _report_monitor(report, f"{SECTION}, {many} spawner{'s' * (many > 1)}", name, (results[name] or {}).get(many))
    _goals(report)


class _Silent:
    def note(self, _):
        pass


def _measure_once(paths, monitor, spawners, count, results):
    unwatched = {many: _storm(paths, many, count) for many in spawners}
    try:
        monitor.start()
        _await_watching(paths, monitor)
        watched = {}
        for many in spawners:
            before = Usage(monitor.pid)
            reader = monitor.reader_pid and Usage(monitor.reader_pid)
            watched[many] = _storm(paths, many, count)
            _await_quiet(monitor)
            after = Usage(monitor.pid)
            watched[many]["cpu"] = after.cpu_nsec_since(before) / count / 1000
            watched[many]["peak"] = after.peak_resident
            if reader:
                watched[many]["reader cpu"] = Usage(monitor.reader_pid).cpu_nsec_since(reader) / count / 1000
    finally:
        monitor.stop()
    lines = _lines(monitor.output)
    for many in spawners:
        told = _match(monitor, lines, watched[many])
        sample = results.setdefault(many, [])
        sample.append({
            "unwatched": unwatched[many]["elapsed"] / count / 1000,
            "slowdown": watched[many]["elapsed"] / unwatched[many]["elapsed"],
            "seen": 100 * len(told["seen"]) / count,
            "arguments": 100 * told["arguments"] / count,
            "p50": percentile(told["seen"], 0.50) / 1000 if told["seen"] else float("nan"),
            "p99": percentile(told["seen"], 0.99) / 1000 if told["seen"] else float("nan"),
            "cpu": watched[many]["cpu"],
            "reader cpu": watched[many].get("reader cpu"),
            "peak": watched[many]["peak"] / 2**20,
        })


def _storm(paths, spawners, count):
    """Runs one storm. Its prefix is its own, so that the starts of two storms cannot be taken for each other."""
    _storm.number += 1
    prefix = f"{PREFIX}{_storm.number}x"
    output = paths.fresh("storm")
    elapsed = int(run(paths.tool("storm"), str(spawners), str(count), prefix, paths.tool("target"), output))
    starts = [tuple(map(int, line.split())) for line in pathlib.Path(output).read_text().splitlines()]
    os.unlink(output)
    return {"elapsed": elapsed, "prefix": prefix.encode(), "starts": starts}


_storm.number = 0


def _await_watching(paths, monitor):
    """Starts programs until the monitor puts something out: then it watches."""
    # A monitor that polls must have the time to see one.
    probe = ["/bin/sleep", "0.5"]
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if monitor.process.poll() is not None:
            raise Failed(_complaint(monitor) or f"ended with status {monitor.process.returncode}")
        before = Usage(monitor.collector.pid) if monitor.collector.poll() is None else None
        subprocess.run(probe, check=True)
        time.sleep(0.1)
        if monitor.collector.poll() is not None:
            raise Failed("its output ended")
        # The collector wakes up for output only.
        if before and Usage(monitor.collector.pid).wakeups_since(before):
            return
    raise Failed("it told of no program within 20 s")


def _complaint(monitor):
    for name in ("errors", "daemon"):
        value = getattr(monitor, name, None)
        path = value.log if name == "daemon" and value else value
        if path and os.path.exists(path):
            text = pathlib.Path(path).read_text(errors="replace").strip()
            if text:
                return text
    return ""


def _await_quiet(monitor):
    """Until the monitor has told what it has to tell: nothing used for a while, or as long as that can take."""
    deadline = time.monotonic() + 3
    last = Usage(monitor.pid)
    while time.monotonic() < deadline:
        time.sleep(0.3)
        now = Usage(monitor.pid)
        # A poller, and programs that others start meanwhile, use a little for ever.
        if now.cpu_nsec_since(last) < 15_000_000:
            return
        last = now


def _lines(output):
    """Every line or message of the output with the time when its end came."""
    data = pathlib.Path(output).read_bytes()
    arrivals = [tuple(map(int, line.split())) for line in pathlib.Path(output + ".times").read_text().splitlines()]
    ends = [end_ for end_, _ in arrivals]
    lines = []
    position = 0
    for match in re.finditer(rb"[\n\0]", data):
        index = bisect.bisect_right(ends, match.start())
        if index < len(arrivals):
            lines.append((data[position:match.start()], arrivals[index][1]))
        position = match.end()
    return lines


def _match(monitor, lines, storm):
    """Latencies of the starts that were told, by argument or else by pid, and how many with their arguments."""
    numbers = {pid: number for number, pid, _ in storm["starts"]}
    times = {number: start for number, _, start in storm["starts"]}
    argument = re.compile(re.escape(storm["prefix"]) + rb"-(\d+)")
    latencies = {}
    with_arguments = set()
    first = min(times.values())
    for line, time_ in lines:
        if time_ < first:
            continue
        found = argument.search(line)
        if found:
            number = int(found.group(1))
            with_arguments.add(number)
        else:
            pid = monitor.pid_pattern.search(line)
            number = numbers.get(int(pid.group(1))) if pid else None
            # A line about another event of the same process, such as its end, comes after; the first one counts.
            if number is None:
                continue
        if number in times and time_ >= times[number]:
            latencies.setdefault(number, time_ - times[number])
    return {"seen": list(latencies.values()), "arguments": len(with_arguments)}


def _report_monitor(report, section, name, samples):
    if not samples:
        return
    def column(key):
        return [sample[key] for sample in samples]

    report.add(section, name, "unwatched start", column("unwatched"), "us")
    report.add(section, name, "slowdown", column("slowdown"), "x")
    report.add(section, name, "seen", column("seen"), "%")
    report.add(section, name, "with arguments", column("arguments"), "%")
    report.add(section, name, "latency p50", column("p50"), "us")
    report.add(section, name, "latency p99", column("p99"), "us")
    report.add(section, name, "CPU per start", column("cpu"), "us")
    if samples[0]["reader cpu"] is not None:
        report.add(section, name, "CPU per start, tocsin subscribe", column("reader cpu"), "us")
    report.add(section, name, "peak resident", column("peak"), "MiB")


def _goals(report):
    best = next((f"tocsin {source}" for source in ("ebpf", "fanotify", "proc")
                 if report.find(f"{SECTION}, 1 spawner", f"tocsin {source}", "seen") is not None), None)
    if not best:
        return
    for many in ("1 spawner", "8 spawners"):
        section = f"{SECTION}, {many}"
        for quantity, to, limit in [
            ("slowdown", "C limit", 1.02),
            ("latency p50", "C limit", 1.25),
            ("latency p99", "bpftrace", 1),
            ("CPU per start", "C limit", 3),
            ("CPU per start", "bpftrace", 1),
            ("peak resident", "bpftrace", 0.25),
        ]:
            report.goal(
                f"{many}: {quantity} of {best}, to {to}'s", limit, report.ratio(section, best, to, quantity), "x")
