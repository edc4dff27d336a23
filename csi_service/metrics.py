"""What is counted for Prometheus: names, labels with few values, and how the counts of several workers are summed.

Workers started by `csi serve` keep their counts in files of the folder that PROMETHEUS_MULTIPROC_DIR names, so that any
of them can answer for all; a process without that folder answers for itself. The folder must be known before this
module is imported.
"""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_OWN = CollectorRegistry()
REQUESTS = Counter(
    "csi_requests",
    "Requests answered, by method, route and class of status.",
    ("method", "route", "status"),
    registry=_OWN,
)
REQUEST_SECONDS = Histogram(
    "csi_request_seconds",
    "Seconds from a request to its answer.",
    ("method", "route"),
    registry=_OWN,
    buckets=_SECONDS,
)
RECOUNTED_DAYS = Counter("csi_recounted_days", "Days of outputs whose counters were counted anew.", registry=_OWN)


def registry(*others: Collector) -> CollectorRegistry:
    """Return the counts of all workers, with what other collectors find."""
    if os.environ.get(FOLDER):
        found = CollectorRegistry()
        MultiProcessCollector(found)  # type: ignore[no-untyped-call]  # its library has no type there
    else:
        found = CollectorRegistry()
        found.register(_OWN)
    for other in others:
        found.register(other)
    return found
