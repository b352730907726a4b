"""An OpenMetrics endpoint: what Prometheus and its like read of a run, served by prometheus-client."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING

from pixeltree.arguments.numbers import check_count
from pixeltree.errors import DataError, from_extra
from pixeltree.run import TreeRunner

if TYPE_CHECKING:
    from prometheus_client import Metric

LOOPBACK = "127.0.0.1"
"""Where figures are served: to this machine alone."""

_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Bounds of the histogram of latencies, in seconds."""

_COUNTERS = {
    "frames": "Frames that ended with a result, a coarse one included.",
    "repeats": "How often a frame began again because the device was started anew.",
    "faults": "Nodes for which a frame had to wait, or for which a node above answered.",
    "swaps": "Nodes that were streamed in while a frame waited.",
    "deadline_misses": "Frames that ended after their deadline, or were answered by a node above.",
    "late_starts": "Frames that started after their turn by more than a tenth of their period.",
    "sent_bytes": "Bytes of objects put on the wire.",
    "hidden_bytes": "Bytes of objects that moved while no frame waited for them.",
    "wasted_bytes": "Bytes of objects that went unused.",
}
"""Figures of :class:`pixeltree.swapping.Counters` that are served, and what they say."""


def check_installed() -> None:
    """See that figures can be served.

    Raises:
        DataError: the extra ``metrics`` is not installed.
    """
    try:
        import prometheus_client  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise DataError(f"metrics need prometheus-client: {from_extra('metrics')}") from error


class Endpoint:
    """Serves a run's figures over HTTP on loopback until it is closed; :func:`serve` makes one.

    Attributes:
        url: where.
    """

    def __init__(self, runner: TreeRunner, port: int) -> None:
        check_count("a port for metrics", port, 0, 65_535)
        check_installed()
        from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415 - an extra

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Figures(runner))
        try:
            self._server, self._thread = start_http_server(port, LOOPBACK, registry)
        except OSError as error:
            raise DataError(f"cannot serve metrics on port {port}: {error.strerror or error}") from error
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/metrics"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Serve no more; again is harmless."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Figures:
    """A run's figures at the time when they are asked for."""

    def __init__(self, runner: TreeRunner) -> None:
        self._runner = runner

    def collect(self) -> Iterator[Metric]:
        """What ``prometheus_client.registry.Collector`` has to have."""
        from prometheus_client.core import (  # noqa: PLC0415 - an extra
            CounterMetricFamily,
            HistogramMetricFamily,
        )

        counters = self._runner.counters
        for name, meaning in _COUNTERS.items():
            yield CounterMetricFamily(f"pixeltree_{name}", meaning, value=getattr(counters, name))
        cuts = "How often the link broke and was opened again."
        yield CounterMetricFamily("pixeltree_link_cuts", cuts, value=self._runner.device.cuts)
        latency = counters.latency
        below = [(str(bound), latency.up_to(1e6 * bound)) for bound in _BUCKETS_S]
        yield HistogramMetricFamily(
            "pixeltree_frame_latency_seconds",
            "From a frame's first start to its result, repeats and reconnects included.",
            buckets=[*below, ("+Inf", latency.count)],
            sum_value=latency.total_us / 1e6,
        )


def serve(runner: TreeRunner, port: int) -> Endpoint:
    """Serve the figures of a run in the OpenMetrics format, on loopback, until the endpoint is closed.

    >>> with pt.metrics.serve(runner, 9464) as endpoint: ...                  # doctest: +SKIP

    Args:
        runner: whose figures.
        port: TCP port, 0 for a free one.

    Raises:
        DataError: the port is taken or none, or prometheus-client is not installed.
    """
    return Endpoint(runner, port)
