"""python_server.py SOCKET REPLY: io.tocsin.Events by python-varlink, every Read answered with the file REPLY's event.

Ends with standard input.
"""

import json
import pathlib
import sys
import threading

import varlink

socket, reply = sys.argv[1:]
answer = json.loads(pathlib.Path(reply).read_bytes().rstrip(b"\0"))["parameters"]
interfaces = pathlib.Path(__file__).resolve().parents[2] / "Sources" / "TocsinEvents"
service = varlink.Service(
    vendor="tocsin", product="benchmark", version="1", url="https://varlink.org", interface_dir=str(interfaces))


@service.interface("io.tocsin.Events")
class Events:
    def Read(self, *_):
        return answer


class Handler(varlink.RequestHandler):
    service = service


with varlink.ThreadingServer(f"unix:{socket}", Handler) as server:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    server.shutdown()
