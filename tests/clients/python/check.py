"""Real OpenTelemetry SDKs against the real binary, with a kill -9 in the middle: everything that was acknowledged must be there.

usage: check.py ORIEL_BINARY NODE_SCRIPT
"""

import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

BATCHES = 30
KILL_AFTER = 60  # acknowledgements, of both clients together


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(binary, data, ports):
    http, otlp_http, otlp_grpc = ports
    command = [binary, "serve", "--data", data, "--http", f"127.0.0.1:{http}", "--otlp-http", f"127.0.0.1:{otlp_http}", "--otlp-grpc", f"127.0.0.1:{otlp_grpc}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    assert json.loads(line)["ready"], line
    return process


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
        return json.load(response)


class Client:
    """A sender and what it says was acknowledged."""

    def __init__(self, name, command, note):
        self.name = name
        self.acks = {"traces": [], "logs": [], "metrics": []}
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.thread = threading.Thread(target=self.read, args=(note,))
        self.thread.start()

    def read(self, note):
        for line in self.process.stdout:
            ack = json.loads(line)
            self.acks[ack["signal"]].extend(ack["ids"])
            note.release()

    def finish(self):
        self.thread.join()
        if self.process.wait() != 0:
            self.errors.seek(0)
            sys.exit(f"{self.name} failed:\n{self.errors.read()[-4000:]}")


def missing_logs(port, client, since_ns):
    query = urllib.parse.urlencode({"query": f'{{service_name="{client.name}-client"}}', "start": since_ns, "end": time.time_ns() + 10**9, "limit": 5000})
    result = get(port, f"/loki/api/v1/query_range?{query}")["data"]["result"]
    lines = {value[1] for stream in result for value in stream["values"]}
    return [line for line in client.acks["logs"] if line not in lines]


def missing_traces(port, client):
    missing = []
    for trace_id in client.acks["traces"]:
        try:
            get(port, f"/tempo/api/traces/{trace_id}")
        except urllib.error.HTTPError as error:
            missing.append(f"{trace_id}: {error.code}")
    return missing


def missing_metrics(port, client):
    query = urllib.parse.urlencode({"query": f'client_items_total{{job="{client.name}-client"}}', "time": time.time() + 1})
    result = get(port, f"/api/v1/query?{query}")["data"]["result"]
    values = [float(series["value"][1]) for series in result]
    want = max(client.acks["metrics"])
    return [] if values == [want] else [f"want one series with {want}, have {values}"]


def main(binary, node_script):
    here = pathlib.Path(__file__).parent
    ports = [free_port(), free_port(), free_port()]
    since_ns = time.time_ns() - 10**9
    note = threading.Semaphore(0)
    with tempfile.TemporaryDirectory() as data:
        server = start(binary, data, ports)
        http, grpc = f"127.0.0.1:{ports[1]}", f"127.0.0.1:{ports[2]}"
        clients = [
            Client("python", [sys.executable, str(here / "send.py"), http, grpc, str(BATCHES)], note),
            Client("node", ["node", node_script, http, str(BATCHES)], note),
        ]
        for _ in range(KILL_AFTER):
            note.acquire()
        server.send_signal(signal.SIGKILL)
        server.wait()
        server = start(binary, data, ports)
        for client in clients:
            client.finish()
        failures = 0
        for client in clients:
            checks = {"logs": missing_logs(ports[0], client, since_ns), "traces": missing_traces(ports[0], client), "metrics": missing_metrics(ports[0], client)}
            for name, missing in checks.items():
                count = len(client.acks[name])
                print(f"{client.name} {name}: {count} acknowledged, {len(missing)} missing")
                failures += bool(missing) or count == 0
                for one in missing[:5]:
                    print(f"  {one}")
        server.send_signal(signal.SIGTERM)
        code = server.wait()
    print(f"{2 * 3 - failures} passed, {failures} failed")
    sys.exit(1 if failures or code != 0 else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
