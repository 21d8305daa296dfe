"""What falco-client does with Falco's own client:

    version ENDPOINT [CERTIFICATE KEY AUTHORITY]
    alerts ENDPOINT AUDIT_PORT WEB_PORT COUNT [CERTIFICATE KEY AUTHORITY]
"""

import json
import os
import sys
import threading
import time
import urllib.request

import falco

# Events of one request, and alerts that may be on their way: fewer than the queue of a client has.
BATCH = 500
AHEAD = 4000
PATIENCE = 120


def connect(endpoint, files):
    return falco.Client(endpoint, *files) if files else falco.Client(endpoint)


def version(endpoint, files):
    answer = connect(endpoint, files).version()
    assert answer.version and answer.engine_version, vars(answer)


def post(port, numbers):
    events = [
        {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": str(number), "stage": "ResponseComplete", "verb": "get"}
        for number in numbers
    ]
    body = json.dumps({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": events}).encode()
    url = f"http://127.0.0.1:{port}/k8s-audit"
    with urllib.request.urlopen(urllib.request.Request(url, body, {"content-type": "application/json"})) as answer:
        assert answer.status == 200, answer.status


def missed(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    values = [line.split()[-1] for line in lines if line.startswith("falcosecurity_falco_output_missed_total")]
    return sum(float(value) for value in values)


def alerts(endpoint, audit, web, count, files):
    received = []

    def read():
        for alert in connect(endpoint, files).sub():
            received.append(int(alert.output.rsplit("asked ", 1)[1].split()[0]))

    threading.Thread(target=read, daemon=True).start()
    post(audit, [0])
    end = time.time() + PATIENCE
    while not received:
        assert time.time() < end, "no alert"
        time.sleep(0.05)
    # Another one subscribes, and takes only the first.
    lazy = connect(endpoint, files).sub()
    threading.Thread(target=lambda: next(lazy), daemon=True).start()
    for first in range(1, count, BATCH):
        post(audit, range(first, min(first + BATCH, count)))
        while first - len(received) > AHEAD:
            assert time.time() < end, f"{len(received)} of {first}"
            time.sleep(0.01)
    while len(received) < count:
        assert time.time() < end, f"{len(received)} of {count}"
        time.sleep(0.05)
    assert received == list(range(count)), "not in order"
    end = time.time() + PATIENCE
    while missed(web) == 0:
        assert time.time() < end, "the losses of the other client are not counted"
        time.sleep(0.5)


kind, endpoint, *rest = sys.argv[1:]
if kind == "version":
    version(endpoint, rest)
else:
    alerts(endpoint, *map(int, rest[:3]), rest[3:])
# Without waiting for the threads of the client.
sys.stdout.flush()
os._exit(0)
