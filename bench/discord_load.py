"""Many people at once on a Discord of our own: `python -m bench.discord_load --people 150 --seconds 60`.

Everything but the model is the bot's own, and discord.py's; the server keeps Discord's limits. It all runs in
this process, in real time, or with `--leap` in the time that it takes to compute.
"""

from __future__ import annotations

import argparse
import asyncio
import os

from tests.fakes.leaping import leaping
from tests.integration.discord.crowd import Crowd

MOST_S = 600


def main() -> None:
    """Let them write, and print the figures."""
    options = _options()
    crowd = Crowd(options.people, min(options.seconds, MOST_S), options.slots or options.people, options.seed)
    load = os.getloadavg()[0]
    figures = leaping(crowd.gather()) if options.leap else asyncio.run(crowd.gather())
    print(f"{crowd.people} people for {crowd.seconds:.0f} s, {crowd.slots} texts at once")
    print(figures)
    if not options.leap:
        print(f"load average: {load:.1f} before, {os.getloadavg()[0]:.1f} after")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.discord_load", description=__doc__)
    add = parser.add_argument
    add("--people", type=int, default=40, help="each in a channel of their own")
    add("--seconds", type=float, default=60, help="how long they write on")
    add("--slots", type=int, help="texts that are written at once, otherwise all")
    add("--seed", type=int, default=1, help="of all that is left to chance")
    add("--leap", action="store_true", help="do not wait for time to pass: the same figures on any machine")
    return parser.parse_args()


if __name__ == "__main__":
    main()
