"""The sidecar: reads the store, and tells any number of readers what is new.

`events`, `scopes` (pure) -> `feed` (the store, no transport) -> `hub` (who is connected) -> `sse`, `ws` and
the routes of `app`, behind the `gate` -> `server`, alone or as `workers`.
"""

from exporter.stream.app import create_app
from exporter.stream.server import serve, serve_on

__all__ = ["create_app", "serve", "serve_on"]
