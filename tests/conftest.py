"""Which tests one worker runs, so that what takes long to start is started once."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "tests/e2e/test_alerting.py",
    "tests/e2e/test_containers.py",
    "tests/e2e/test_messages.py",
    "tests/grafana/test_missing.py",
    "tests/grafana/test_queries.py",
}
"""Files whose tests share a whole stack: a second one would only keep the first from answering in time."""


class ByStack(LoadScopeScheduling):
    """Gives the tests of such a file to one worker, and every other test to the next one that is free.

    What pytest-xdist has for it, marks of a group, is lost on the way with pytest 9.2: it writes the group
    where that version no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByStack | None:
    """Spread the tests by stack when they are to be spread by group."""
    return ByStack(config, log) if config.getvalue("dist") == "loadgroup" else None
