"""Parsing of apt's sources, in both formats."""

from __future__ import annotations

import pytest

from orchestrator.errors import SandboxError
from orchestrator.sandbox.apt_sources import ARCHIVE_KEYRING, debian_sources

DEB822 = """\
# the mirror
Types: deb deb-src
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/mirror.gpg
Check-Valid-Until: no

Types: deb
URIs: https://mirror.example/security
Suites: bookworm-security
Components: main
"""


def test_a_deb822_stanza_names_several_suites() -> None:
    """Each suite of a stanza becomes one source, with its components and the options that matter."""
    found = debian_sources({"/etc/apt/sources.list.d/debian.sources": DEB822})
    assert [(s.uri, s.pocket) for s in found] == [
        ("https://mirror.example/debian", ""),
        ("https://mirror.example/debian", "-updates"),
        ("https://mirror.example/security", "-security"),
    ]
    line = "deb [signed-by=/usr/share/keyrings/mirror.gpg check-valid-until=no] https://mirror.example/debian"
    assert found[1].line("trixie") == f"{line} trixie-updates main contrib"


def test_a_stanza_without_a_key_is_checked_against_debians_own() -> None:
    """No Signed-By, and a key inside the file, both fall back to Debian's keyring: never to no check at all."""
    inline = DEB822.replace(
        "/usr/share/keyrings/mirror.gpg", "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF"
    )
    found = debian_sources({"a.sources": inline})
    assert {dict(source.options)["signed-by"] for source in found} == {ARCHIVE_KEYRING}
    assert found[0].components == ("main", "contrib")


def test_a_disabled_stanza_and_sources_only_stanzas_are_ignored() -> None:
    """Enabled: no, and Types: deb-src, are not mirrors to install from."""
    disabled = "Types: deb\nEnabled: no\nURIs: http://off/\nSuites: trixie\n"
    text = f"{disabled}\nTypes: deb-src\nURIs: http://src/\nSuites: trixie\n"
    with pytest.raises(SandboxError):
        debian_sources({"a.sources": text})


def test_one_line_entries_with_options_and_comments() -> None:
    """Options in brackets are read, comments and deb-src lines are not."""
    text = (
        "# deb http://commented/ bookworm main\n"
        "deb [ arch=amd64 signed-by=/k.gpg trusted=yes ] http://one/debian bookworm main non-free-firmware # why\n"
        "deb-src http://one/debian bookworm main\n"
        "deb http://one/security bookworm-security main\n"
    )
    found = debian_sources({"/etc/apt/sources.list": text})
    assert found[0].line("bookworm") == (
        "deb [signed-by=/k.gpg trusted=yes] http://one/debian bookworm main non-free-firmware"
    )
    assert (
        found[1].line("trixie")
        == f"deb [signed-by={ARCHIVE_KEYRING}] http://one/security trixie-security main"
    )
    assert len(found) == 2


def test_other_archives_are_not_debians() -> None:
    """Third parties' repositories and Ubuntu's suites are left out; without Debian's own there is no sandbox."""
    text = "deb https://deb.nodesource.example/node_24.x nodistro main\ndeb http://archive.example/ubuntu noble main\n"
    with pytest.raises(SandboxError) as caught:
        debian_sources({"x.list": text})
    assert caught.value.why == "looked in x.list"


def test_the_same_mirror_twice_counts_once() -> None:
    """A machine that lists a mirror in two files does not make apt complain on every host."""
    assert len(debian_sources({"a.sources": DEB822, "b.sources": DEB822})) == 3
