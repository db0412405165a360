"""Debian's own packages with a higher version, in an archive on a host's disk that says it is the security archive.

What is in them stays, their maintainer scripts too: an upgrade to one stops and starts what Debian's next would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.support.vps import Project

ENDING = "+vps1"
_ARCHIVE = "/srv/newer"

_PUBLISH = r"""
import hashlib, pathlib, subprocess, sys
place, ending, packages = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
place.mkdir(exist_ok=True)

def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=place).stdout

os_release = dict(line.split("=", 1) for line in open("/etc/os-release").read().split("\n") if "=" in line)
versions = {name: said("dpkg-query", "-Wf", "${Version}", name) for name in packages}
said("apt-get", "download", *(f"{name}={version}" for name, version in versions.items()))
index = []
for old in sorted(place.glob("*.deb")):
    tree, new = place / "tree", place / f"newer-{old.stem.split('_')[0]}.deb"
    said("dpkg-deb", "--raw-extract", str(old), str(tree))
    control = tree / "DEBIAN/control"
    lines = control.read_text().splitlines()
    version = next(line.partition(" ")[2] for line in lines if line.startswith("Version: "))
    text = "\n".join(lines).replace(f"Version: {version}", f"Version: {version}{ending}")
    control.write_text(text.replace(f"(= {version})", f"(= {version}{ending})") + "\n")
    said("dpkg-deb", "-Znone", "--build", str(tree), str(new))
    said("rm", "-r", str(tree), str(old))
    digest = hashlib.sha256(new.read_bytes()).hexdigest()
    fields = f"Filename: ./{new.name}\nSize: {new.stat().st_size}\nSHA256: {digest}\n"
    index.append(said("dpkg-deb", "-f", str(new)) + fields)
listed = "\n".join(index)
(place / "Packages").write_text(listed)
digest = hashlib.sha256(listed.encode()).hexdigest()
(place / "Release").write_text(
    f"Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nVersion: 99\n"
    f"Codename: {os_release['VERSION_CODENAME']}-security\n"
    f"SHA256:\n {digest} {len(listed.encode())} Packages\n")
pathlib.Path("/etc/apt/sources.list.d/newer.list").write_text(f"deb [trusted=yes] file:{place} ./\n")
"""


def publish(project: Project, host: str, packages: Sequence[str]) -> None:
    """Have newer ones of these, which are installed there, wait for the host."""
    project.on(host, "python3", "-c", _PUBLISH, _ARCHIVE, ENDING, *packages)


def installed(project: Project, host: str, packages: Sequence[str]) -> list[str]:
    """Those of the packages that are the newer ones."""
    lines = project.on(host, "dpkg-query", "-Wf", "${Package} ${Version}\n", *packages).splitlines()
    return sorted(name for name, version in map(str.split, lines) if version.endswith(ENDING))


def runs(project: Project, host: str, units: Mapping[str, str]) -> dict[str, str]:
    """Names the present run of each unit: another one after a restart."""
    show = ("systemctl", "show", "--property=InvocationID", "--value")
    return {name: project.on(host, *show, unit).strip() for name, unit in units.items()}
