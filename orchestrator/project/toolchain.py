"""The package manager in the version that the project pins, without corepack.

npm is the machine's own unless packageManager pins another; pnpm and yarn come from the npm registry into a cache.
Source: practice.md 1.3; Node >= 25 ships no corepack.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ProjectError
from orchestrator.model.build import ManagerName, PackageManager
from orchestrator.project.process import Log, run
from orchestrator.secret import without_key


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A package manager that can be started.

    Attributes:
        name: npm, pnpm or yarn.
        version: Exact.
        env: Environment for everything that a build runs; its PATH finds the manager first.
    """

    name: ManagerName
    version: str
    env: dict[str, str]

    @property
    def is_yarn_classic(self) -> bool:
        """Whether this is Yarn 1, whose options differ from Berry's."""
        return self.name is ManagerName.YARN and self.version.startswith("1.")

    @property
    def is_yarn_berry(self) -> bool:
        """Whether this is Yarn 2 or newer, another package than Yarn 1."""
        return self.name is ManagerName.YARN and not self.is_yarn_classic

    def install(self) -> list[str]:
        """Install by the frozen lockfile, development dependencies included."""
        if self.is_yarn_classic:
            return ["yarn", "install", "--frozen-lockfile", "--production=false", "--non-interactive"]
        return {
            ManagerName.NPM: ["npm", "ci", "--include=dev"],
            ManagerName.PNPM: ["pnpm", "install", "--frozen-lockfile"],
            ManagerName.YARN: ["yarn", "install", "--immutable"],
        }[self.name]

    def prune(self) -> list[str]:
        """Remove development dependencies; runs no scripts: what they made is kept as it is."""
        if self.is_yarn_classic:
            return [
                "yarn",
                "install",
                "--frozen-lockfile",
                "--production",
                "--ignore-scripts",
                "--prefer-offline",
            ]
        return {
            ManagerName.NPM: ["npm", "prune", "--omit=dev", "--ignore-scripts"],
            ManagerName.PNPM: ["pnpm", "prune", "--prod", "--ignore-scripts"],
            ManagerName.YARN: ["yarn", "workspaces", "focus", "--all", "--production"],
        }[self.name]


def prepare(manager: PackageManager, cache: Path, log: Log) -> Toolchain:
    """Find the manager, or install it from the npm registry into the cache.

    Args:
        manager: As detected.
        cache: Directory for downloaded managers, shared by all projects.
        log: Takes the installation's output.
    """
    env = _environment()
    if manager.name is not ManagerName.NPM or manager.version:
        home = _installed(manager, cache, env, log)
        env["PATH"] = f"{home / 'node_modules' / '.bin'}{os.pathsep}{env['PATH']}"
    return Toolchain(manager.name, _ask_version(manager.name, env), env)


def portable(tools: Toolchain, cache: Path, log: Log) -> Path:
    """The same manager as one directory that runs anywhere: a distribution's own npm is spread over the system.

    Returns: The directory that holds its node_modules.
    """
    return _installed(PackageManager(tools.name, tools.version, ""), cache, tools.env, log)


def _environment() -> dict[str, str]:
    """Ours, without what would make a build leave out development dependencies or ask a question."""
    dropped = {"NODE_ENV", "NPM_CONFIG_OMIT", "NPM_CONFIG_PRODUCTION", "NPM_CONFIG_ONLY", "INIT_CWD"}
    env = {key: value for key, value in without_key(os.environ).items() if key.upper() not in dropped}
    quiet = {"npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false"}
    # Else pnpm writes this machine's paths into .bin (pnpm.io settings, extendNodePath; pnpm_config_ from 11 on).
    portable = {"npm_config_extend_node_path": "false", "pnpm_config_extend_node_path": "false"}
    return {**env, **quiet, **portable, "CI": "true", "HUSKY": "0", "NO_COLOR": "1"}


def _installed(manager: PackageManager, cache: Path, env: dict[str, str], log: Log) -> Path:
    home = cache / f"{manager.name}-{manager.version}"
    if home.is_dir():
        return home
    is_berry = manager.name is ManagerName.YARN and not manager.version.startswith("1")
    package = "@yarnpkg/cli-dist" if is_berry else str(manager.name)
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=cache))
    options = ["--no-save", "--no-package-lock", "--ignore-scripts", "--prefix", str(partial)]
    try:
        argv = ["npm", "install", *options, f"{package}@{manager.version}"]
        run(argv, cwd=partial, env=env, log=log, what=f"{package} {manager.version} cannot be installed")
        _keep(partial, home)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return home


def _keep(partial: Path, home: Path) -> None:
    try:
        partial.rename(home)
    except OSError:
        if not home.is_dir():  # else another build was quicker: its copy is as good
            raise


def _ask_version(name: ManagerName, env: dict[str, str]) -> str:
    try:
        answer = subprocess.run(
            [name, "--version"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=Path.home(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ProjectError(
            f"{name} does not run on this machine", why=_why(error), next=_advice(name)
        ) from error
    return answer.stdout.strip().splitlines()[-1]


def _why(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else ""
    return "\n".join([str(error), *str(said).splitlines()[-5:]])


def _advice(name: ManagerName) -> str:
    if name is ManagerName.NPM:
        return "install npm"
    return f"pin a version of {name} that runs on this machine's Node in package.json (packageManager)"
