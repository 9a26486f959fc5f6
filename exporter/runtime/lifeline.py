"""A process that ends with the one that started it, however that one ended.

The parent holds one end of a pipe and never writes to it. When the parent is gone, even by `kill -9`, the
kernel closes that end, and the child, which listens at the other, stops as it would on SIGTERM. Without
this a killed demo would leave its parts behind, on the ports that the next one wants.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

GRACE_SECONDS = 10.0
"""Twice what a parent gives its children to stop; after that nobody is left to kill this one."""


def start(
    arguments: Sequence[str], environment: Mapping[str, str], pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start `northstar` with these arguments as a child that does not outlive this process."""
    return subprocess.Popen(
        [sys.executable, "-m", "exporter.runtime.lifeline", *arguments],
        env=environment,
        pass_fds=pass_fds,
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its children in order
    )


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        """Nobody writes; only the end of the pipe ends this."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def _main() -> NoReturn:
    from exporter.cli import main

    threading.Thread(target=_end_with_parent, name="lifeline", daemon=True).start()
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    _main()
