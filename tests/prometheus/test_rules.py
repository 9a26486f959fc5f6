"""Every alert fires when it should, is quiet just before, and is taken back: promtool tells."""

from __future__ import annotations

from pathlib import Path

from tests.prometheus import money, pipeline, truth
from tests.prometheus.rules import ALERTS, FILES, FOLDER, Case, failures, promtool

CASES: list[Case] = [*money.CASES, *truth.CASES, *pipeline.CASES]
ALWAYS_FIRES = {"Watchdog"}


def test_every_alert_behaves_as_its_cases_say(tmp_path: Path) -> None:
    """Fires, with these labels and this summary; stays quiet just below; is taken back."""
    wrong = failures(tmp_path, [(case, [ALERTS[case.alert]]) for case in CASES])
    assert {str(case): said for case, (said,) in zip(CASES, wrong, strict=True) if said} == {}


def test_every_alert_has_a_case_of_firing_and_one_of_ending() -> None:
    """An alert that nobody tried is a hope."""
    for alert in ALERTS:
        told = [case for case in CASES if case.alert == alert]
        assert any(case.fires for case in told), alert
        assert alert in ALWAYS_FIRES or any(case.fires and len(case.quiet) > 2 for case in told), alert


def test_promtool_accepts_the_rules_and_the_configuration() -> None:
    """What Prometheus would refuse at its start is refused here."""
    for arguments in (("check", "rules", *FILES), ("check", "config", FOLDER / "prometheus.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout
