"""Stand-ins for the images that the stack is made of, from what is installed on this machine.

No image can be fetched where tests run. An image is a folder with a program and the libraries it is
linked against, so this machine's own Python, Prometheus and Alertmanager will do; for Grafana stands a
server that answers its health check. The user ids, the mounts, the read-only root and the order in which
things start are those of the real stack.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import docker

LIBRARY = re.compile(r"(/\S+) \(0x")
LEFT_OUT = ("/site-packages/", "/test/", "/tests/", "/__pycache__/", "/idlelib/", "/tkinter/", "/turtledemo/")
ALWAYS_THERE = (
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
    "libz.so.1",
)
"""What every Linux has by the agreement that wheels are built under."""

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

GRAFANA = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
http.server.ThreadingHTTPServer(("", 3000), Handler).serve_forever()
"""


class Root:
    """A root file system in the making."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._bytes, mode="w")  # noqa: SIM115 - closed in `made`
        self._names: set[str] = set()

    def folder(self, name: str, user: int = 0, mode: int = 0o755) -> None:
        """Add an empty folder."""
        if name not in self._names:
            self._names.add(name)
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, user, user
            self._tar.addfile(entry)

    def file(self, path: Path, name: str | None = None) -> None:
        """Add a file of this machine under its own name or another."""
        name = (name or str(path)).lstrip("/")
        if name not in self._names:
            self._names.add(name)
            self._tar.add(path.resolve(), name, recursive=False)

    def programs(self, *paths: Path) -> None:
        """Add programs or libraries with everything they are linked against."""
        for path in paths:
            self.file(path)
        self.libraries(paths)

    def libraries(self, paths: Iterable[Path]) -> None:
        """Add what these are linked against."""
        said = subprocess.run(["ldd", *map(str, paths)], capture_output=True, text=True, check=False).stdout
        for found in sorted(set(LIBRARY.findall(said))):
            self.file(Path(found))

    def python(self) -> None:
        """Add this machine's Python under /usr/local."""
        prefix = Path(sys.base_prefix)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        binary = (prefix / "bin" / version).resolve()
        for name in (version, "python3", "python"):
            self.file(binary, f"usr/local/bin/{name}")
        library = prefix / "lib" / version
        for path in sorted(library.rglob("*")):
            inside = f"/{path.relative_to(library)}"
            if path.is_file() and path.suffix != ".a" and not any(part in inside for part in LEFT_OUT):
                self.file(path, f"usr/local/lib/{version}{inside}")
        self.libraries([binary, *library.glob("lib-dynload/*.so")])
        # A wheel may rely on these without bringing them.
        listed = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
        for name in ALWAYS_THERE:
            if found := re.search(rf"{re.escape(name)} .*=> (\S+)", listed):
                self.programs(Path(found[1]))

    def made(self) -> bytes:
        """Return it as a tar archive."""
        self._tar.close()
        return self._bytes.getvalue()


def _base() -> Root:
    root = Root()
    root.folder("tmp", mode=0o1777)
    for name in ("proc", "sys", "dev", "etc", "run"):
        root.folder(name)
    programs = [
        Path("/bin/sh"),
        *(Path(found) for name in ("install", "wget") if (found := shutil.which(name))),
    ]
    root.programs(*programs)
    return root


def load(engine: docker.DockerClient, tag: str) -> dict[str, str]:
    """Load the stand-ins into the engine; return them by the variable that chooses each."""
    python = _base()
    python.python()
    environment = ["ENV PATH=/usr/local/bin:/usr/bin:/bin"]
    for path in (CERTIFICATES, Path("/etc/pip.conf")):
        if path.exists():
            python.file(path)
    environment += [f"ENV {name}={text}" for name, text in os.environ.items() if name in ("PIP_CERT",)]
    prometheus = _base()
    prometheus.programs(Path("/usr/bin/prometheus"))
    prometheus.folder("prometheus", user=65534)
    alertmanager = _base()
    alertmanager.programs(Path("/usr/bin/prometheus-alertmanager"))
    alertmanager.folder("alertmanager", user=65534)
    for path in Path("/usr/share/prometheus/alertmanager").glob("*.tmpl"):
        alertmanager.file(path)  # Debian's reads its templates from there
    grafana = _base()
    grafana.python()
    grafana.folder("var/lib/grafana", user=472)
    images = {
        "PYTHON_IMAGE": (python, environment),
        "PROMETHEUS_IMAGE": (prometheus, ['ENTRYPOINT ["/usr/bin/prometheus"]']),
        "ALERTMANAGER_IMAGE": (alertmanager, ['ENTRYPOINT ["/usr/bin/prometheus-alertmanager"]']),
        "GRAFANA_IMAGE": (grafana, [f"ENTRYPOINT {json.dumps(['/usr/local/bin/python', '-c', GRAFANA])}"]),
    }
    names = {}
    for variable, (root, changes) in images.items():
        names[variable] = f"northstar-standin-{variable.partition('_')[0].lower()}:{tag}"
        repository, _, of = names[variable].partition(":")
        engine.api.import_image_from_data(root.made(), repository=repository, tag=of, changes=changes)
    return names
