"""Node from NodeSource's apt repository: apt verifies it, and the host's own apt never hears of it."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.vpsdeploy import node_deb
from ansible.module_utils.vpsdeploy.host import Host, tail
from ansible.module_utils.vpsdeploy.http import opened
from ansible.module_utils.vpsdeploy.node_install import PACKAGE
from ansible.module_utils.vpsdeploy.node_sources import fetch
from ansible.module_utils.vpsdeploy.node_versions import NodeError, Version, text

_SUITE = "nodistro"
"""The one suite of NodeSource's repositories. Source: nodesource/distributions, scripts/deb/setup_24.x."""


class NodesourceSource:
    """The packages `nodejs` of one line. An apt of its own, which knows this repository only, reads it.

    So nothing else can come from there, a repository that is down cannot break the host's `apt update`, and
    versions stand side by side although a package would replace the one before.

    Args:
        host: Runs apt.
        scratch: An empty directory, for as long as this source is used.
        url: Above node_24.x: NodeSource, or a mirror of it.
        key: The repository's key: an address, or a path on the host.
        fingerprint: What that key must be; empty: whatever key there is.
        line: Major version.
    """

    def __init__(
        self, host: Host, scratch: Path, url: str, key: str, fingerprint: str, line: int, timeout_seconds: int
    ) -> None:
        self.host = host
        self.scratch = scratch
        self.url = f"{url.rstrip('/')}/node_{line}.x"
        self.key = key
        self.fingerprint = fingerprint.replace(" ", "")
        self.timeout_seconds = timeout_seconds

    def versions(self) -> dict[str, str]:
        """Every version of the line that has a package for this machine, and the package's version.

        Raises:
            Unreachable: the repository or its key cannot be had.
            NodeError: the repository is not signed by that key.
        """
        self._prepare()
        options = self._options()
        answer = self.host.attempt(["apt-get", "--quiet", *options, "update"])
        if answer.returncode != 0:
            self._say_if_unreachable()
            raise NodeError(
                f"apt refuses the repository {self.url} (nodejs_nodesource_key, "
                f"nodejs_nodesource_fingerprint): {tail(answer)}"
            )
        found: dict[str, str] = {}
        for line in self.host.run(["apt-cache", *options, "madison", "nodejs"]).splitlines():
            debian = line.split("|")[1].strip()
            version = node_deb.upstream(debian)
            if version:
                found.setdefault(text(version), debian)  # the newest package of a version comes first
        return found

    def deliver(self, version: Version, integrity: str, work: Path, tree: Path) -> None:
        """The package's files, laid out as the official archive has them."""
        del version  # the package's version says it
        wanted = f"nodejs={integrity}"
        files = node_deb.unpacked(self.host, wanted, work, self._options())
        (files / "usr").rename(tree)
        (tree / PACKAGE).write_text(f"{wanted}\n")

    def _prepare(self) -> None:
        self.scratch.chmod(0o755)  # apt reads it as a user of its own
        for name in ("sources", "preferences", "keys", "lists/partial", "cache/archives/partial"):
            (self.scratch / name).mkdir(parents=True)
        key = self._keyring()
        source = {
            "Types": "deb",
            "URIs": self.url,
            "Suites": _SUITE,
            "Components": "main",
            # A fingerprint pins the key: among the keys that apt is given here, only this one may sign.
            "Signed-By": self.fingerprint or str(key),
        }
        lines = "".join(f"{name}: {value}\n" for name, value in source.items())
        (self.scratch / "sources/nodesource.sources").write_text(lines)

    def _keyring(self) -> Path:
        """The repository's key, under the ending that tells apt whether it is text."""
        raw = self.scratch / "key"
        if self.key.startswith("/"):
            raw.write_bytes(Path(self.key).read_bytes())
        else:
            fetch(self.key, raw, self.timeout_seconds)
        armored = raw.read_bytes().lstrip().startswith(b"-----BEGIN PGP")
        return raw.rename(self.scratch / f"keys/nodesource.{'asc' if armored else 'gpg'}")

    def _options(self) -> list[str]:
        """An apt that shares nothing with the host's. Source: apt.conf(5), sources.list(5)."""
        directories = {
            "Etc::sourcelist": "/dev/null",
            "Etc::sourceparts": self.scratch / "sources",
            "Etc::preferences": "/dev/null",
            "Etc::preferencesparts": self.scratch / "preferences",
            "Etc::trustedparts": self.scratch / "keys",
            "State::lists": self.scratch / "lists",
            "State::status": "/dev/null",
            "Cache": self.scratch / "cache",
        }
        settings = {
            "APT::Update::Error-Mode": "any",  # by itself apt calls a repository that it could not read a success
            "Acquire::Languages": "none",
            "Acquire::http::Timeout": self.timeout_seconds,
            "Acquire::https::Timeout": self.timeout_seconds,
        }
        named = {**{f"Dir::{name}": value for name, value in directories.items()}, **settings}
        return [word for name, value in named.items() for word in ("-o", f"{name}={value}")]

    def _say_if_unreachable(self) -> None:
        """apt has failed: where that is the network's fault, what is installed may still do."""
        if self.url.startswith("http"):
            with opened(f"{self.url}/dists/{_SUITE}/InRelease", self.timeout_seconds):
                pass
