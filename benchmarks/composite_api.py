"""Requests per second of POST /calculate/composite through gunicorn, beside an empty Flask view.

Both servers have as many workers and threads, the empty view gunicorn's own kind of worker. They run at once and are
driven in turn (A B A B ...) by this process over kept-alive connections, so that other work on the machine strikes both
alike. Prints both rates, their ratio in each round and the median ratio.

    python -m benchmarks.composite_api [--rounds 15] [--slices 10] [--connections 8] [--workers 2]
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.servers import compare, data_of, gunicorn, new_key
from benchmarks.timing import machine

BODY = json.dumps(
    {
        "internal": {
            "sla": {"numerator": 935, "denominator": 1100},
            "aht": {"numerator": 360000, "denominator": 1000},
            "fcr": {"numerator": 400, "denominator": 500},
            "qa": {"numerator": 36, "denominator": 40},
        },
        "external": {
            "channels": {"ivr": {"numerator": 141, "denominator": 150}, "sms": {"numerator": 43, "denominator": 50}}
        },
        "complaint": {"complaints": {"numerator": 9, "denominator": 1000}},
    }
).encode()
PATH = "/api/v1/calculate/composite"
EMPTY = f"""
import flask

app = flask.Flask("empty")


@app.post("{PATH}")
def composite():
    flask.request.get_json()
    return {{}}
"""


def request(port: int, key: str) -> bytes:
    """Return the bytes of one request."""
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(BODY)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + BODY


def main() -> None:
    """Run the rounds and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--slices", type=int, default=10, help="tenths of a second for each server in a round")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    os.environ["CSI_WORKERS"] = str(options.workers)
    print(f"{machine()}; {options.workers} workers, body of {len(BODY)} bytes")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "empty_app.py").write_text(EMPTY, encoding="utf-8")
        with gunicorn("empty_app:app", folder) as empty, gunicorn("csi_service.wsgi:app", folder) as ours:
            key = new_key(data_of(folder), "viewer")
            sent = {port: request(port, key) for port in (empty, ours)}
            compare(sent, options.connections, 10)  # warm-up
            ratios = []
            for number in range(1, options.rounds + 1):
                base, rate = compare(sent, options.connections, options.slices)
                ratios.append(rate / base)
                print(
                    f"{number:3}: empty view {base:6.0f}/s, composite {rate:6.0f}/s, ratio {ratios[-1]:.3f}", flush=True
                )
    print(f"median ratio {statistics.median(ratios):.3f} (goal: at least 0.4)")


if __name__ == "__main__":
    sys.exit(main())
