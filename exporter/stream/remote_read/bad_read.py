"""What is wrong with a remote read."""

from __future__ import annotations

from exporter.errors import ExporterError


class BadRead(ExporterError):
    """A request that is none, or asks for too much; the text says what is wrong with it."""
