"""What is left when the process is killed in the middle of its work."""

from __future__ import annotations

import subprocess
import sys

from bot.domain.jobs import JobState
from bot.store import open_store
from tests import ROOT
from tests.bot.store.told import texts


def write_until_killed(url: str, acknowledged: int) -> list[str]:
    """What a writing process said it had kept before SIGKILL."""
    command = [sys.executable, "-m", "tests.bot.store.writer", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        if process.stdout is None:
            raise AssertionError("no pipe")
        kept = [process.stdout.readline().strip() for _ in range(acknowledged)]
        process.kill()
        # It may have gone on a little before the signal.
        return kept + process.stdout.read().split()


async def test_everything_acknowledged_survives_a_kill(url: str) -> None:
    """The story holds what was acknowledged in its order, at most one passage more, and no half job."""
    kept = write_until_killed(url, 25)

    store = await open_store(url)
    written = await texts(store)
    assert written[: len(kept)] == kept
    assert len(written) <= len(kept) + 1
    (*others, last) = [f"j{i}" for i in range(sum(text.startswith("p") for text in written))]
    for job_id in others:
        job = await store.jobs.get(job_id)
        assert job is not None
        assert job.state is JobState.DONE
    unfinished = [job.id for job in await store.jobs.unfinished()]
    assert unfinished == ([] if written[-1].startswith("m") else [last])
    await store.close()
