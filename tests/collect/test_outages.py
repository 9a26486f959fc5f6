"""What the log says of a trouble that lasts."""

from __future__ import annotations

import logging

import pytest

from exporter.collect.outages import REMIND_SECONDS, Outages


class Log:
    """Outages on a clock that is moved by hand, and what they have said."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "northstar")
        self.now = 0.0
        self.outages = Outages(lambda: self.now)
        self._caplog = caplog

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Level and text of each line since this was asked last."""
        said = [(record.levelname, record.getMessage()) for record in self._caplog.records]
        self._caplog.clear()
        return said

    def failing(self, seconds: int, what: str = "shop", reason: str = "timeout") -> None:
        """Fail once a second."""
        for _ in range(seconds):
            self.outages.failed(what, reason, f"{what} {reason}", logging.WARNING)
            self.now += 1


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """Outages nobody has spoken of yet."""
    return Log(caplog)


def test_an_outage_is_said_when_it_begins_once_a_minute_and_when_it_ends(log: Log) -> None:
    """Three minutes of a failure a second are five lines, and none of the failures goes uncounted."""
    log.failing(181)
    log.outages.over("shop")
    assert log.lines == [
        ("WARNING", "shop timeout"),
        *[("WARNING", "shop timeout (60 failures since the last line)")] * 3,
        ("INFO", "shop: works again after 181 s, failures=181"),
    ]


def test_one_failure_is_two_lines(log: Log) -> None:
    """That it failed, and that it works again; what works is not spoken of."""
    log.outages.over("shop")
    log.failing(1)
    log.outages.over("shop")
    log.outages.over("shop")
    assert [level for level, _ in log.lines] == ["WARNING", "INFO"]


def test_another_reason_is_said_at_once(log: Log) -> None:
    """A refused key is not to wait behind a slow network."""
    log.failing(2)
    log.failing(2, reason="unauthorised")
    assert [text for _, text in log.lines] == [
        "shop timeout",
        "shop unauthorised (2 failures since the last line)",
    ]


def test_a_trouble_that_comes_and_goes_is_said_no_more_often_than_one_that_stays(log: Log) -> None:
    """Every second reading fails for a minute: it is said once that it failed, and once that it works."""
    while log.now < REMIND_SECONDS:
        log.failing(1)
        log.outages.over("shop")
        log.now += 1
    assert [level for level, _ in log.lines] == ["WARNING", "INFO"]
    log.failing(1)
    assert [level for level, _ in log.lines] == ["WARNING"]


def test_troubles_of_different_things_do_not_hide_each_other(log: Log) -> None:
    """Each has its own lines."""
    log.failing(2, "shop")
    log.failing(2, "venue")
    log.outages.over("shop")
    assert [text.split()[0] for _, text in log.lines] == ["shop", "venue", "shop:"]
