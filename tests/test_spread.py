"""How tests are spread over workers, tried on made-up ones that say who ran them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import TOGETHER

TESTS = Path(__file__).parent
WHO = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    with pathlib.Path("ran.txt").open("a") as ran:
        print(__name__, os.environ["PYTEST_XDIST_WORKER"], file=ran)
"""


@pytest.mark.slow
def test_what_shares_a_stack_is_run_by_one_worker(tmp_path: Path) -> None:
    """By one of two, while the other has other tests to run."""
    (tmp_path / "tests" / "e2e").mkdir(parents=True)
    shutil.copy(TESTS / "conftest.py", tmp_path / "tests")
    assert "tests/e2e/test_alerting.py" in TOGETHER
    for name in ("e2e/test_alerting.py", "test_money.py"):
        (tmp_path / "tests" / name).write_text(WHO)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "tests"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    ran = [line.split() for line in (tmp_path / "ran.txt").read_text().splitlines()]
    assert len(ran) == 12
    assert len({worker for module, worker in ran if module == "test_alerting"}) == 1
    assert len({worker for _, worker in ran}) == 2


def test_files_that_share_a_stack_exist() -> None:
    """One that was renamed would be spread again."""
    assert [name for name in sorted(TOGETHER) if not (TESTS.parent / name).is_file()] == []
