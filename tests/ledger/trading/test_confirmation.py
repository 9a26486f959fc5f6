"""A difference counts when it stays: a fill between two lists makes one that the next reading takes back."""

from __future__ import annotations

from exporter.ledger.trading.confirmation import CONFIRMING_READINGS, Confirmation


def test_a_difference_counts_after_so_many_readings_in_a_row() -> None:
    """And no longer as soon as the check ties."""
    confirmation = Confirmation()
    for _ in range(CONFIRMING_READINGS):
        assert not confirmation.confirmed("cash")
        confirmation.take({"cash": False, "equity": True})
    assert confirmation.confirmed("cash")
    assert not confirmation.confirmed("equity")
    confirmation.take({"cash": True})
    assert not confirmation.confirmed("cash")


def test_one_that_comes_and_goes_never_counts() -> None:
    """A busy account is not a wrong one."""
    confirmation = Confirmation()
    for number in range(20):
        confirmation.take({"position": number % CONFIRMING_READINGS == 0})
        assert not confirmation.confirmed("position")


def test_what_failed_before_a_restart_fails_after_it() -> None:
    """Until a reading ties."""
    confirmation = Confirmation()
    confirmation.restore(["fees"])
    assert confirmation.confirmed("fees")
    confirmation.take({"fees": False})
    assert confirmation.confirmed("fees")
    confirmation.take({"fees": True})
    assert not confirmation.confirmed("fees")
