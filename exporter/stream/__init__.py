"""The sidecar: reads the store, and tells any number of readers what is new.

`events` (pure) -> `feed` (the store, no transport) -> `sse` and the routes of `app` -> `server`.
"""

from exporter.stream.app import create_app
from exporter.stream.server import serve

__all__ = ["create_app", "serve"]
