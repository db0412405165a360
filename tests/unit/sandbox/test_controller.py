"""What hosts take over from the machine."""

from __future__ import annotations

from pathlib import Path

from orchestrator.sandbox import controller
from tests.unit.sandbox.fake import FakeRunner

DUMP = """\
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::Proxy::internal.example "DIRECT";
Acquire::https::SslKey "/etc/private.key";
Acquire::Check-Valid-Until "false";
Acquire::Languages:: "none";
Dir::Cache::pkgcache "";
"""


def test_apt_options_are_those_a_mirror_needs() -> None:
    """Proxies and validity checks are handed over; client keys, caches and languages are not."""
    assert controller.apt_options(DUMP, {}) == (
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::https::Proxy::internal.example "DIRECT";',
        'Acquire::Check-Valid-Until "false";',
    )


def test_a_proxy_of_the_environment_counts_where_apt_names_none() -> None:
    """apt itself would use http_proxy; its own setting wins."""
    found = controller.apt_options(DUMP, {"http_proxy": "http://other:1", "https_proxy": "http://other:2"})
    assert 'Acquire::http::Proxy "http://other:1";' not in found
    assert found[-1] == 'Acquire::https::Proxy "http://other:2";'


def test_npmrc_needs_a_registry() -> None:
    """npm's answer "undefined", or none at all, gives no file."""
    assert controller.npmrc("undefined") == controller.npmrc("") == ""
    assert controller.npmrc("https://npm.example/").startswith("registry=https://npm.example/\ncafile=")


def test_the_machine_is_read_from_its_files(tmp_path: Path) -> None:
    """Sources, extra CAs and a mirror's keyring come from the usual places."""
    files = {
        "etc/apt/sources.list.d/debian.sources": (
            "Types: deb\nURIs: http://m/debian\nSuites: trixie\nComponents: main\nSigned-By: /etc/apt/keyrings/m.gpg\n"
        ),
        "etc/apt/keyrings/m.gpg": "KEY",
        "usr/local/share/ca-certificates/corp.crt": "PEM",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = controller.read(FakeRunner(), tmp_path, {})
    assert [source.uri for source in found.sources] == ["http://m/debian"]
    assert found.certificates == {"corp.crt": "PEM"}
    assert found.keyrings == {"/etc/apt/keyrings/m.gpg": b"KEY"}
