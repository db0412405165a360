"""Sending on real hosts: only what is missing, resumed where it broke off, repaired where damaged, in little memory.

VPSDEPLOY_TEST_BIG=1 (make test-big) takes a bundle of 1 GiB in 100,000 files; else it is a fifth of that.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support import memory
from tests.support.node_apps import bundle
from tests.support.selection import sample
from tests.support.vps import TIMEOUT_SECONDS, VPSDEPLOY, Project, project_on_sandbox
from tests.support.waiting import until

pytestmark = pytest.mark.sandbox

CONFIG = ("app: shop", "limits: {memory: 128M}", "release: {drain_seconds: 5}")
HOSTS = ("web-1", "web-2")
BALLAST_BYTES = 96 << 20
LIMIT_BYTES = 150 << 20
"""Of the controller's memory, and of the agents' on one host (issue 3)."""

BIG = os.environ.get("VPSDEPLOY_TEST_BIG") == "1"
FILES, LARGE_BYTES = (100_000, 100 << 20) if BIG else (20_000, 20 << 20)


@pytest.fixture(scope="module", name="shop")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Two provisioned hosts with a first release."""
    path = tmp_path_factory.mktemp("sending")
    with project_on_sandbox(path, "e2e-sending", hosts=len(HOSTS), config=CONFIG) as project:
        provisioned = project.vpsdeploy("provision", "host")
        assert provisioned.returncode == 0, provisioned.stderr
        release(project, bundle(path, "first"))
        yield project


def release(project: Project, file: Path) -> list[dict[str, Any]]:
    """Release a bundle file; the lines of --json."""
    return project.json("release", "--bundle", str(file))


def sent(lines: list[dict[str, Any]]) -> tuple[int, float]:
    """Files and megabytes that all hosts were sent."""
    notes = [str(line.get("note")) for line in lines]
    found = [match for note in notes if (match := re.fullmatch(r"(\d+) files, ([\d.]+) MB", note))]
    return (int(found[-1][1]), float(found[-1][2])) if found else (0, 0.0)


def state(project: Project) -> list[Any]:
    """What is live and kept where, who holds a lock, and what lies in incoming."""
    hosts = project.json("status")[-1]["hosts"]
    kept = [project.on(host, "ls", "/srv/shop/releases") for host in HOSTS]
    lying = [project.on(host, "find", "/srv/shop/incoming", "-mindepth", "1") for host in HOSTS]
    return [[(host["current"], host["lock"]) for host in hosts], kept, lying]


def cut_at(project: Project, host: str, signal: str) -> None:
    """Send a signal to the connections of `deploy` as soon as a part of the large file is on a host."""
    script = (
        'until test "$(stat -c %s /srv/shop/incoming/receive-*/* 2>/dev/null | sort -n | tail -1)" -gt 8388608 '
        f"2>/dev/null; do sleep 0.01; done; pkill -{signal} -u deploy sshd; touch /run/was-cut"
    )
    project.on(host, "rm", "-f", "/run/was-cut")
    project.on(host, "systemd-run", "--quiet", "--collect", "/bin/sh", "-c", script.replace("$", "$$"))


def test_the_second_release_sends_only_what_has_changed(shop: Project) -> None:
    """One file to each host, of a few hundred bytes; and what is the same everywhere is not sent at all."""
    assert sent(release(shop, bundle(shop.path, "second"))) == (len(HOSTS), 0.0)
    assert sent(release(shop, bundle(shop.path, "second"))) == (0, 0.0)


@pytest.mark.parametrize("cut", sample(["controller", "connection"], ["controller"]))
def test_an_interrupted_transfer_goes_on_where_it_stopped(shop: Project, cut: str) -> None:
    """Whether the controller was killed or its connections were: what is on the hosts is not sent again."""
    size = BALLAST_BYTES + (1 << 20 if cut == "controller" else 0)  # two files: the hosts keep the first
    file = bundle(shop.path, f"cut-{cut}", ballast_bytes=size)
    for host in HOSTS:
        cut_at(shop, host, "STOP" if cut == "controller" else "KILL")
    said = shop.path / f"cut-{cut}.stderr"
    with (
        said.open("w") as stderr,
        subprocess.Popen(
            [VPSDEPLOY, "release", "--bundle", file], cwd=shop.path, stdout=subprocess.DEVNULL, stderr=stderr
        ) as process,
    ):
        if cut == "controller":
            until(lambda: all(shop.on(host, "sh", "-c", "ls /run/was-cut || true") for host in HOSTS))
            process.kill()
            for host in HOSTS:
                shop.on(host, "pkill", "-CONT", "-u", "deploy", "sshd")
        assert process.wait(TIMEOUT_SECONDS) == (-9 if cut == "controller" else 5), said.read_text()
    total = len(HOSTS) * size
    lines = release(shop, file)
    assert 0 < sent(lines)[1] < (total - len(HOSTS) * (8 << 20)) / 1e6
    for host in HOSTS:
        found = shop.on(host, "sh", "-c", "sha256sum /srv/shop/current/app/ballast | cut -d' ' -f1")
        assert found.strip() == sha256((shop.path / f"tree-cut-{cut}" / "ballast").read_bytes()).hexdigest()


def test_a_damaged_store_is_repaired_by_the_next_release(shop: Project) -> None:
    """A bit that fell over on one host: it is noticed, and sent to that host again, within the release."""
    release(shop, bundle(shop.path, "sound"))
    damage = "f=$(readlink -f /srv/shop/current/app/dist/main.js); printf '\\377' | dd of=$f bs=1 seek=7 conv=notrunc"
    shop.on("web-2", "sh", "-c", damage)
    lines = release(shop, bundle(shop.path, "sound"))
    assert "1 files of the store were damaged on web-2: sent again" in {line.get("text") for line in lines}
    content = (shop.path / "tree-sound" / "dist" / "main.js").read_text()
    for host in HOSTS:
        assert shop.on(host, "cat", "/srv/shop/current/app/dist/main.js") == content


def damaged(project: Project, kind: str) -> Path:
    """A bundle file that no release may be made of."""
    if kind == "of another app":
        return bundle(project.path, "other", app="blog")
    if kind == "of another platform":
        return bundle(project.path, "arm", platform="linux-arm64")
    whole = bundle(project.path, "whole", ballast_bytes=1 << 20).read_bytes()
    file = project.path / "damaged.bundle"
    plain = bytearray(gzip.decompress(whole))
    if kind == "with one byte of a file flipped":
        plain[len(plain) // 2] ^= 1
    if kind == "with one digit of its list altered":
        digest = sha256((project.path / "tree-whole" / "package.json").read_bytes()).hexdigest().encode()
        plain = bytearray(bytes(plain).replace(digest, bytes([digest[0] ^ 1]) + digest[1:], 1))
    contents = {
        "truncated": whole[: len(whole) // 2],
        "without its last bytes": whole[:-4],
        "no bundle": b"hello",
    }
    file.write_bytes(contents.get(kind) or gzip.compress(bytes(plain)))
    return file


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("of another app", 4, "is a bundle of app blog"),
        ("of another platform", 6, "the bundle was built for another architecture"),
        ("truncated", 4, "is not a whole bundle file"),
        ("without its last bytes", 4, "is not a whole bundle file"),
        ("with one byte of a file flipped", 4, "its digest differs"),
        ("with one digit of its list altered", 4, "its file list was altered"),
        ("no bundle", 4, "is not a whole bundle file"),
    ],
)
def test_a_bad_bundle_is_refused_before_anything_is_touched(
    shop: Project, kind: str, code: int, words: str
) -> None:
    """One clear error, and the hosts are as they were."""
    before = state(shop)
    done = shop.vpsdeploy("release", "--bundle", str(damaged(shop, kind)))
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert done.stderr.count("error:") == 1
    assert "next:" in done.stderr
    assert state(shop) == before


@pytest.mark.full
def test_a_large_bundle_needs_little_memory(shop: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """The build's part, the controller and the agents of a host, each by the kernel's own high-water mark."""
    place = shop.path / "big"
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.big_bundle", place, str(FILES), str(LARGE_BYTES)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    built = json.loads(made.stdout.splitlines()[-1])
    for host in HOSTS:
        watch_agents(shop, host)
    seconds, controller = measured(shop, place / "big.bundle")
    again, controller_again = measured(shop, place / "big.bundle")
    agents = {host: json.loads(shop.on(host, "cat", "/run/peak.json")) for host in HOSTS}
    figures = {
        "files": FILES, "bundle file bytes": (place / "big.bundle").stat().st_size,
        "bundle and write": built, "release seconds": [seconds, again],
        "controller peak bytes": [controller, controller_again], "agents": agents,
    }  # fmt: skip
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(figures)}\n")
    assert 0 < built["peak_bytes"] < LIMIT_BYTES
    assert 0 < max(controller, controller_again) < LIMIT_BYTES
    for peaks in agents.values():
        assert 0 < peaks["one"] <= peaks["together"] < LIMIT_BYTES


def watch_agents(project: Project, host: str) -> None:
    """Note the agents' peaks on a host from now on."""
    source = Path(memory.__file__).read_text()
    project.on(host, "sh", "-c", f"cat > /run/memory.py <<'END'\n{source}\nEND")
    project.on(host, "systemd-run", "--quiet", "--unit=peak", "python3", "/run/memory.py", "/run/peak.json")


def measured(project: Project, file: Path) -> tuple[float, int]:
    """Release: seconds, and the controller's peak."""
    begin, peak = time.monotonic(), 0
    with subprocess.Popen(
        [VPSDEPLOY, "release", "--bundle", file],
        cwd=project.path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None:
            peak = max(peak, memory.high_water_bytes(process.pid))
            time.sleep(0.02)
    assert process.returncode == 0
    return round(time.monotonic() - begin, 1), peak
