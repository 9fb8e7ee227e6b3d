"""The reverse channel: reads that are completed, and events that many subscribers get.

Both are measured against the least that could do it: a C server that moves the same bytes without looking at them, loaded
by the same C client. The events are real ones, so that the bytes are.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

from capture import tocsin_sources
from programs import Daemon, Failed, Usage, end, read_line, run
from report import median

READS = "reverse channel, pending reads"
SUBSCRIBERS = "reverse channel, subscribers"
PENDING = (1, 4, 16, 64)
COUNTS = (1, 10, 100, 1000)
# Of which each lasts as long as its clients need to settle.
SECONDS = 0.4
# Executions that are read again and again: enough that connecting anew for them does not count, and few enough that the
# default event log holds them with the forks and exits between them.
BACKLOG = 1500
# Events that all subscribers get.
EVENTS = 300


def measure(paths, report, rounds):
    source = next((name for name in tocsin_sources(paths) if name != "proc"), None) if os.geteuid() == 0 else None
    if not source:
        raise Failed("needs a source that sees every start, and root for it")
    _reads(paths, report, rounds, source)
    _subscribers(paths, report, max(1, rounds // 2), source)


class Server:
    """The C server."""

    def __init__(self, paths, reply, *options):
        self.socket = paths.fresh("socket")
        self.process = subprocess.Popen(
            [paths.tool("server"), self.socket, reply, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        read_line(self.process)

    def publish(self, count):
        self.process.stdin.write(f"{count}\n".encode())
        self.process.stdin.flush()
        read_line(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        self.process.stdin.close()
        self.process.stdout.close()


class PythonServer(Server):
    """python-varlink's server, with the same reply."""

    def __init__(self, paths, reply):
        self.socket = paths.fresh("socket")
        program = pathlib.Path(__file__).resolve().parent.parent / "limit" / "python_server.py"
        packages = paths.repository / ".build" / "python"
        self.process = subprocess.Popen(
            [sys.executable, str(program), self.socket, reply], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(packages)})
        self.pid = self.process.pid
        try:
            read_line(self.process)
        except Failed:
            end(self.process)
            raise


def _storm(paths, count, spawners=1):
    output = paths.fresh("storm")
    run(paths.tool("storm"), str(spawners), str(count), "tsnchannel", paths.tool("target"), output)
    os.unlink(output)


def _read(paths, socket, pending, opening=()):
    """Time per event, and p50 and p99 of the round trip, in microseconds."""
    line = run(paths.tool("client"), "read", socket, str(pending), str(SECONDS), *opening)
    events, elapsed, p50, p99 = map(int, line.split())
    return {"event": elapsed / events / 1000, "p50": p50 / 1000, "p99": p99 / 1000}


def _reads(paths, report, rounds, source):
    with Daemon(paths, [source]) as daemon:
        cursor = json.loads(daemon.call('{"method":"io.tocsin.Events.Open"}')[0])["parameters"]["cursor"]
        _storm(paths, BACKLOG, spawners=2)
        time.sleep(0.5)
        # Only what the storm did: the same events every time, whatever starts meanwhile.
        opening_call = json.dumps({
            "method": "io.tocsin.Events.Open",
            "parameters": {"after": cursor, "filter": {"types": ["exec"], "paths": [paths.tool("target")]}},
        })
        reply = daemon.call(opening_call, '{"method":"io.tocsin.Events.Read"}')[1]
        if b'"error"' in reply:
            raise Failed(f"tocsind answered {reply[:200]!r}")
        reply_file = paths.fresh("reply")
        pathlib.Path(reply_file).write_bytes(reply + b"\0")
        opening = (opening_call, str(BACKLOG * 9 // 10))

        subjects = {name: [] for name in ("C server", "C server, a write each", f"tocsin {source}", "python-varlink")}
        with Server(paths, reply_file) as server, Server(paths, reply_file, "each") as server_each:
            try:
                python = PythonServer(paths, reply_file)
            except Failed:
                python = None
                report.note("python-varlink was not measured: `make setup-test` installs it.")
            for _ in range(rounds):
                for pending in PENDING:
                    subjects["C server"].append((pending, _read(paths, server.socket, pending)))
                    subjects[f"tocsin {source}"].append((pending, _read(paths, daemon.socket, pending, opening)))
                    subjects["C server, a write each"].append((pending, _read(paths, server_each.socket, pending)))
                    if python:
                        subjects["python-varlink"].append((pending, _read(paths, python.socket, pending)))
            if python:
                python.__exit__()
    report.add(READS, "reply", "size", len(reply), "bytes")
    ratios = {}
    for pending in PENDING:
        per_subject = {
            name: [sample for number, sample in samples if number == pending] for name, samples in subjects.items()}
        for name, samples in per_subject.items():
            subject = f"{name}, {pending} pending"
            report.add(READS, subject, "per event", [sample["event"] for sample in samples], "us")
            report.add(READS, subject, "events", [1e6 / sample["event"] for sample in samples], "/s")
            report.add(READS, subject, "round trip p50", [sample["p50"] for sample in samples], "us")
            report.add(READS, subject, "round trip p99", [sample["p99"] for sample in samples], "us")
            if samples and name != "C server":
                paired = [
                    ours["event"] / theirs["event"] for ours, theirs in zip(samples, per_subject["C server"])]
                ratios[name, pending] = report.add(READS, subject, "to C server", paired, "x")
    report.goal(
        "time per event at 16 pending reads, to the C server's", 1.5, ratios.get((f"tocsin {source}", 16)), "x")
    _reads.reply = reply_file


def _client(paths, socket, count, *filter_):
    client = subprocess.Popen(
        [paths.tool("client"), "subscribe", socket, str(count), *filter_], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE)
    read_line(client, timeout=60)
    return client


def _received(client):
    client.stdin.close()
    messages, _ = map(int, read_line(client, timeout=60).split())
    client.wait()
    client.stdout.close()
    return messages


def _subscribers(paths, report, rounds, source):
    """CPU time of the server for one event, by the number of those who get it."""
    results = {}
    memory = []
    for _ in range(rounds):
        for count in COUNTS:
            # A daemon of its own: what the subscribers before left free would hide what these take.
            for kind, filter_ in [
                ("same filter", '{"types":["exec"],"paths":["%s"]}' % paths.tool("target")),
                ("all different filters, none passes", '{"types":["exec"],"paths":["/srv/tenant-%/**"]}'),
            ]:
                if kind != "same filter" and count != COUNTS[-1]:
                    continue
                with Daemon(paths, [source]) as daemon:
                    # It lets go of what only its start has needed.
                    time.sleep(1)
                    empty = Usage(daemon.pid).resident_data
                    client = _client(paths, daemon.socket, count, filter_)
                    try:
                        before = Usage(daemon.pid)
                        if count == COUNTS[-1] and kind == "same filter":
                            memory.append((before.resident_data - empty) / count / 1024)
                        _storm(paths, EVENTS)
                        time.sleep(1)
                        cpu = Usage(daemon.pid).cpu_nsec_since(before) / EVENTS / 1000
                        messages = _received(client)
                    finally:
                        end(client)
                subject = f"tocsin {source}, {count}, {kind}"
                results.setdefault(subject, []).append((cpu, messages / EVENTS / count))
            with Server(paths, _reads.reply) as server:
                client = _client(paths, server.socket, count)
                try:
                    before = Usage(server.pid)
                    server.publish(EVENTS)
                    time.sleep(0.3)
                    cpu = Usage(server.pid).cpu_nsec_since(before) / EVENTS / 1000
                    messages = _received(client)
                finally:
                    end(client)
                results.setdefault(f"C server, {count}", []).append((cpu, messages / EVENTS / count))
    for subject in sorted(results, key=lambda name: (name.startswith("tocsin"), list(results).index(name))):
        count = int(subject.split(", ")[1])
        report.add(SUBSCRIBERS, subject, "CPU per event", [cpu for cpu, _ in results[subject]], "us")
        report.add(
            SUBSCRIBERS, subject, "per subscriber and event", [cpu / count for cpu, _ in results[subject]], "us")
        report.add(SUBSCRIBERS, subject, "delivered", [100 * share for _, share in results[subject]], "%")
    report.add(SUBSCRIBERS, f"tocsin {source}, 1000, same filter", "memory per idle subscriber", memory, "KiB")

    def cpu(count):
        return median(cpu for cpu, _ in results[f"tocsin {source}, {count}, same filter"])

    more = (cpu(1000) - cpu(1)) / 999
    c_more = (median(c for c, _ in results["C server, 1000"]) - median(c for c, _ in results["C server, 1"])) / 999
    report.add(SUBSCRIBERS, f"tocsin {source}, each of 1000", "per subscriber and event", more, "us")
    report.add(SUBSCRIBERS, "C server, each of 1000", "per subscriber and event", c_more, "us")
    report.goal("CPU of one event for each of 1,000 subscribers", 2, more, "us")
    report.goal("memory of an idle subscriber", 8, median(memory), "KiB")
