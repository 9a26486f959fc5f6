"""Debian's nginx with the module nchan, a stream server in C, as the mark to compare with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from . import process

MODULES = (
    Path("/usr/lib/nginx/modules/ngx_nchan_module.so"),
    Path("/usr/lib64/nginx/modules/ngx_nchan_module.so"),
)
ABSENT = "nginx with libnginx-mod-nchan is not installed (tests/install-tools does it, as root on Debian)"

CONFIGURATION = """
load_module {module};
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000;
pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 19000; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    location = /publish {{ nchan_publisher; nchan_channel_id bench; nchan_message_buffer_length 1; }}
    location = /nchan {{ nchan_subscriber eventsource; nchan_channel_id bench;
                         nchan_subscriber_first_message oldest; }}
  }}
}}
"""


@contextmanager
def running(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run it while the block runs. Raises TookTooLong when it is not there."""
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    module = next((path for path in MODULES if path.exists()), None)
    if program is None or module is None:
        raise process.TookTooLong(ABSENT)
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(module=module, folder=folder, port=port))
    child = subprocess.Popen(
        [program, "-c", str(configuration), "-p", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.until(child, lambda: _listens(port), 10)
        yield child
    finally:
        child.terminate()
        child.wait(process.STOP_SECONDS)


def publish(port: int, body: bytes) -> None:
    """Hand it one message."""
    connection = HTTPConnection(process.HOST, port, timeout=process.STOP_SECONDS)
    connection.request("POST", "/publish", body)
    connection.getresponse().read()
    connection.close()


def _listens(port: int) -> bool | None:
    try:
        publish(port, b"{}")
    except OSError:
        return None
    return True
