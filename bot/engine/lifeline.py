"""Runs a command that does not outlive the process that started it, on Linux and macOS alike.

`python lifeline.py COMMAND...` with a pipe as standard input. A small process stays behind and reads the
pipe: when its other end closes, because its holder closed it or died in whatever way, the command's whole
process group is ended. The command itself takes this process's place and needs to know nothing of it.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_S = 5.0
_STEP_S = 0.05


def watch(command: int) -> None:
    """Wait for the pipe to close, then end the process group of `command`."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while os.read(0, 1024):
        pass
    group = os.getpgrp()
    os.killpg(group, signal.SIGTERM)
    until = time.monotonic() + GRACE_S
    while os.getppid() == command and time.monotonic() < until:
        time.sleep(_STEP_S)
    os.killpg(group, signal.SIGKILL)


def main() -> None:
    """Leave the watcher behind and become the command."""
    command = os.getpid()
    nothing = os.open(os.devnull, os.O_RDWR)
    if os.fork() == 0:
        # The watcher keeps none of the command's streams open: its reader would wait for them in vain.
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        watch(command)
        os._exit(0)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  # the command comes from the composition root


if __name__ == "__main__":
    main()
