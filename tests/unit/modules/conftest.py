"""Makes `ansible.module_utils.vpsdeploy` importable, as Ansible itself does it for the modules; and a web server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import ansible.module_utils
import pytest

Site = tuple[Path, str]

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[3] / "playbooks/module_utils"))


@pytest.fixture(autouse=True)
def _nobody_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What says who installs packages is in a directory of the test's own."""
    from ansible.module_utils.vpsdeploy import late_start

    monkeypatch.setattr(late_start, "NOTE", tmp_path / "run/installing.json")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A directory and the address that it is served at."""
    root = tmp_path / "site"
    root.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(root))  # type: ignore[arg-type] # its arguments are the server's own

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield root, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
