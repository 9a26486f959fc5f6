"""Fixtures: a store that is written to, and a sidecar that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page

from exporter.stream import create_app
from tests.stream.browsing import browsing
from tests.stream.builders import Writer
from tests.stream.serving import serving, until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is, or will be."""
    return tmp_path / "pnl.sqlite3"


@pytest.fixture
def writer(path: Path) -> Iterator[Writer]:
    """An exporter's store with five snapshots."""
    opened = Writer(path)
    opened.commit(5)
    yield opened
    opened.close()


@pytest.fixture
def app(path: Path, writer: Writer) -> FastAPI:
    """A sidecar whose clock stands three seconds after the newest snapshot."""
    return create_app(path, poll_seconds=0.002, clock=lambda: writer.at + timedelta(seconds=3))


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """The address of that sidecar, once it has read the store."""
    with serving(app) as address:
        until(lambda: app.state.feed.current())
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a file."""
    with browsing() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page without a past."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()
