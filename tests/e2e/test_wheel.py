"""An installed wheel carries playbooks and roles, and provisions a host from a directory outside the repository."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator import shipped
from tests.support.vps import project_on_sandbox

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"__pycache__", ".ansible"}


@pytest.fixture(scope="module", name="wheel")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    target = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return wheel


@pytest.fixture(scope="module", name="venv")
def _venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel and the locked dependencies; its bin is not on the PATH."""
    path = tmp_path_factory.mktemp("elsewhere") / "venv"
    subprocess.run([sys.executable, "-m", "venv", path], check=True)
    pip = [str(path / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--requirement", str(ROOT / "requirements" / "runtime.txt")]
    subprocess.run([*pip, *locked], check=True)
    subprocess.run([*pip, "--no-deps", wheel], check=True)
    return path


def sources(directory: str) -> set[str]:
    """The files of a directory of the checkout, as the wheel has to name them."""
    files = (
        path for path in (ROOT / directory).rglob("*") if path.is_file() and not GENERATED & set(path.parts)
    )
    return {f"orchestrator/_shipped/{path.relative_to(ROOT).as_posix()}" for path in files}


def test_the_wheel_carries_every_playbook_and_role(wheel: Path) -> None:
    """Templates, modules and defaults too; no file is missing."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert sources("playbooks") | sources("roles") <= packed
    assert "orchestrator/_shipped/playbooks/site.yml" in packed


def test_the_wheel_carries_our_plugins_and_the_agent(wheel: Path) -> None:
    """What is found by path or packed at run time is no import that a tool would notice."""
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert "orchestrator/transport/callback_plugins/vpsdeploy_plan.py" in packed
    assert "orchestrator/agent/main.py" in packed


def test_a_checkout_finds_its_own_playbooks() -> None:
    """Without _shipped the repository's directories are used."""
    assert shipped.playbook("site") == ROOT / "playbooks" / "site.yml"
    assert shipped.roles() == ROOT / "roles"


@pytest.mark.sandbox
def test_the_installed_wheel_provisions_a_host(venv: Path, tmp_path: Path) -> None:
    """By its absolute path, in a project elsewhere; the roles that run are the wheel's own."""
    found = subprocess.run(
        [venv / "bin" / "python", "-c", "from orchestrator import shipped; print(shipped.roles())"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    assert Path(found).is_relative_to(venv)
    with project_on_sandbox(tmp_path / "shop", "e2e-wheel") as project:
        done = subprocess.run(
            [venv / "bin" / "vpsdeploy", "provision", "host"],
            cwd=project.path, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert project.on("web-1", "systemctl", "is-active", "nginx").strip() == "active"
