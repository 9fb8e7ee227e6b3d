"""Idleness: what a daemon costs while nothing happens, and how fast it starts."""

import os
import subprocess
import time

from capture import tocsin_sources
from programs import Daemon, Failed, Usage, end, read_line

SECTION = "idle, 10 subscribers waiting"
START = "start"
STARTS = 5


def measure(paths, report, seconds):
    sources = tocsin_sources(paths)
    source = sources[0] if os.geteuid() == 0 else "proc"
    # A source that never speaks shows the daemon by itself; with the other, what starts on the machine meanwhile counts.
    subjects = {"tocsin without a source": "heartbeat", f"tocsin {source}": source}
    watched = []
    try:
        for name, choice in subjects.items():
            daemon = Daemon(paths, [choice])
            client = None
            watched.append((name, daemon, client))
            client = subprocess.Popen(
                [paths.tool("client"), "subscribe", daemon.socket, "10"], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE)
            watched[-1] = (name, daemon, client)
            read_line(client)
        # The start's last work is done.
        time.sleep(1)
        before = [Usage(daemon.pid) for _, daemon, _ in watched]
        time.sleep(seconds)
        for (name, daemon, client), then in zip(watched, before):
            now = Usage(daemon.pid)
            client.stdin.close()
            messages = int(read_line(client).split()[0])
            wakeups = now.wakeups_since(then)
            report.add(SECTION, name, f"wake-ups in {seconds:g} s", wakeups, "")
            report.add(SECTION, name, "CPU", now.cpu_nsec_since(then) / 1e6, "ms")
            report.add(SECTION, name, "events meanwhile", messages // 10, "")
            report.add(SECTION, name, "resident", now.resident / 2**20, "MiB")
            if name == "tocsin without a source" or not messages:
                report.goal(f"wake-ups of {name} in {seconds:g} s", 0, wakeups)
    finally:
        for _, daemon, client in watched:
            if client:
                end(client)
                client.stdout.close()
            daemon.end()

    for choice in dict.fromkeys(["heartbeat", *sources]):
        times = []
        try:
            for _ in range(STARTS):
                with Daemon(paths, [choice]) as daemon:
                    times.append(daemon.seconds_to_ready * 1000)
        except Failed as failure:
            report.note(f"tocsin {choice} does not start: {str(failure).splitlines()[-1]}")
            continue
        report.add(START, f"tocsin {choice}", "to READY", times, "ms")
