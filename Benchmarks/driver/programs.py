"""Starting, watching and ending the programs that are measured."""

import os
import pathlib
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time


class Failed(Exception):
    """Something to be measured does not run; the message says why. The others are measured all the same."""


class Paths:
    """Where things are: what `make bench` built, and a directory that goes away."""

    def __init__(self, repository, tocsind):
        self.repository = pathlib.Path(repository)
        self.built = self.repository / ".build" / "bench"
        self.tocsind = pathlib.Path(tocsind)
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="tocsin-bench-"))

    def tool(self, name):
        return str(self.built / name)

    def fresh(self, name):
        """A path that nothing uses yet."""
        handle, path = tempfile.mkstemp(prefix=name + "-", dir=self.scratch)
        os.close(handle)
        os.unlink(path)
        return path

    def remove(self):
        shutil.rmtree(self.scratch, ignore_errors=True)


def read_line(process, timeout=20):
    """The next line of a process's output, which is unbuffered bytes."""
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        deadline = time.monotonic() + timeout
        while not line.endswith(b"\n"):
            if not selector.select(max(0, deadline - time.monotonic())):
                raise Failed(f"{process.args[0]}: no answer within {timeout} s")
            byte = os.read(process.stdout.fileno(), 1)
            if not byte:
                raise Failed(f"{process.args[0]}: ended unexpectedly")
            line += byte
    return line.decode()


def end(process, signal_number=signal.SIGTERM, timeout=15):
    if process.poll() is None:
        process.send_signal(signal_number)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(*command, timeout=120):
    """What a program prints, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise Failed(f"{os.path.basename(command[0])}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Usage:
    """What a running process has used so far, thread by thread: of one that ends meanwhile, nothing is known after."""

    def __init__(self, pid):
        self._cpu = {}
        self._wakeups = {}
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                self._cpu[task.name] = int((task / "schedstat").read_text().split()[0])
                self._wakeups[task.name] = int(_status(task)["voluntary_ctxt_switches"])
            except (FileNotFoundError, ProcessLookupError):
                continue
        status = _status(pathlib.Path(f"/proc/{pid}"))
        self.resident = int(status["VmRSS"].split()[0]) * 1024
        # Without code, which the daemon lets go of and gets back as it runs.
        self.resident_data = int(status["RssAnon"].split()[0]) * 1024
        self.peak_resident = int(status["VmHWM"].split()[0]) * 1024

    def cpu_nsec_since(self, earlier):
        return _grown(earlier._cpu, self._cpu)

    def wakeups_since(self, earlier):
        """How often a thread was waiting and went on."""
        return _grown(earlier._wakeups, self._wakeups)


def _status(directory):
    lines = (directory / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _grown(before, after):
    return sum(value - before.get(task, 0) for task, value in after.items())


class Daemon:
    """A tocsind of its own: private socket, no rules, limits that a thousand subscribers fit into."""

    CONFIGURATION = """\
limits:
  connections: 4096
  connectionsPerUser: 4096
heartbeat:
  interval: 86400s
rules:
  directories: []
"""

    def __init__(self, paths, sources, timeout=20, nice=0):
        self.socket = paths.fresh("socket")
        configuration = paths.fresh("configuration")
        pathlib.Path(configuration).write_text(self.CONFIGURATION)
        announced = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = paths.fresh("notify")
        announced.bind(address)
        command = ["nice", "-n", str(nice)] * bool(nice)
        command += [str(paths.tocsind), "--config", configuration, "--socket", self.socket]
        for source in sources:
            command += ["--source", source]
        self.log = paths.fresh("log")
        begin = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "NOTIFY_SOCKET": address})
        self.pid = self.process.pid
        deadline = begin + timeout
        announced.settimeout(0.05)
        try:
            while True:
                try:
                    if b"READY=1" in announced.recv(65536).split(b"\n"):
                        break
                except socket.timeout:
                    pass
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Failed(pathlib.Path(self.log).read_text().strip() or "tocsind is not ready")
        except BaseException:
            end(self.process)
            raise
        finally:
            announced.close()
        self.seconds_to_ready = time.monotonic() - begin

    def call(self, *messages):
        """The replies to calls made on one connection."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(self.socket)
            received = b""
            for count, message in enumerate(messages, 1):
                connection.sendall(message.encode() + b"\0")
                while received.count(b"\0") < count:
                    piece = connection.recv(1 << 16)
                    if not piece:
                        raise Failed("tocsind closed the connection")
                    received += piece
            return received.split(b"\0")[:-1]

    def end(self):
        end(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
