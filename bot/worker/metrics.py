"""What the worker counts, in a registry it is given."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

STEP_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
FIRST_TOKEN_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """Requests, tokens, steps, rows, the queue and the time to the first token."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = CollectorRegistry() if registry is None else registry
        within = self._registry
        self.requests = Counter("tsuzuki_requests", "Requests by outcome", ["outcome"], registry=within)
        self.prompt_tokens = Counter("tsuzuki_prompt_tokens", "Prompt tokens accepted", registry=within)
        self.generated_tokens = Counter("tsuzuki_generated_tokens", "Tokens drawn", registry=within)
        self.step_s = Histogram(
            "tsuzuki_step_seconds", "Time of a step", buckets=STEP_BUCKETS_S, registry=within
        )
        self.rows = Gauge("tsuzuki_rows", "Sequences that hold a slot", registry=within)
        self.waiting = Gauge("tsuzuki_waiting", "Sequences without a slot", registry=within)
        self.first_token_s = Histogram(
            "tsuzuki_first_token_seconds",
            "From the request to its first token",
            buckets=FIRST_TOKEN_BUCKETS_S,
            registry=within,
        )

    def text(self) -> bytes:
        """The figures in Prometheus' text format."""
        return generate_latest(self._registry)
