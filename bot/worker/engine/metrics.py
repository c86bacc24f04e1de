"""What the worker counts, in a registry it is given."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.worker.engine.scheduler import Scheduler, SchedulerCounts

STEP_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
WAIT_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """Requests, tokens, steps, rows, the queue, the cache and the time to the first token."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = CollectorRegistry() if registry is None else registry
        within = self._registry
        self.requests = Counter("tsuzuki_requests", "Requests by outcome", ["outcome"], registry=within)
        self.prompt_tokens = Counter("tsuzuki_prompt_tokens", "Prompt tokens accepted", registry=within)
        self.generated_tokens = Counter("tsuzuki_generated_tokens", "Tokens drawn", registry=within)
        self.step_s = Histogram(
            "tsuzuki_step_seconds", "Time of a step", buckets=STEP_BUCKETS_S, registry=within
        )
        self.rows = Gauge("tsuzuki_rows", "Rows of the last step", registry=within)
        self.running = Gauge("tsuzuki_running", "Sequences that are written to", registry=within)
        self.waiting = Gauge("tsuzuki_waiting", "Sequences that wait for a place", registry=within)
        self.kv_blocks = Gauge(
            "tsuzuki_kv_blocks", "Blocks of keys and values by state", ["state"], registry=within
        )
        self.cache_tokens = Counter(
            "tsuzuki_prefix_cache_tokens",
            "Prompt tokens found in the cache, and read",
            ["result"],
            registry=within,
        )
        self.preemptions = Counter(
            "tsuzuki_preemptions", "Sequences stopped for want of memory", registry=within
        )
        self.queue_s = Histogram(
            "tsuzuki_queue_seconds",
            "From the request to its first step",
            buckets=WAIT_BUCKETS_S,
            registry=within,
        )
        self.first_token_s = Histogram(
            "tsuzuki_first_token_seconds",
            "From the request to its first token",
            buckets=WAIT_BUCKETS_S,
            registry=within,
        )

    def take(self, scheduler: Scheduler) -> None:
        """Take over what the scheduler counts."""
        pool, counts = scheduler.pool, scheduler.counts
        self.running.set(scheduler.running)
        self.waiting.set(scheduler.waiting)
        self.kv_blocks.labels("used").set(pool.used)
        self.kv_blocks.labels("total").set(pool.blocks)
        self.cache_tokens.labels("hit").inc(counts.cached)
        self.cache_tokens.labels("miss").inc(counts.read)
        self.preemptions.inc(counts.preempted)
        scheduler.counts = SchedulerCounts()

    def text(self) -> bytes:
        """The figures in Prometheus' text format."""
        return generate_latest(self._registry)
