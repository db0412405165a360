"""A NestJS project as it was found, how to build it, and what a build leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from orchestrator.model.bundle import HostInstall


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What vpsdeploy.yml says about the build; empty means "detect it".

    Attributes:
        command: Shell command that builds; default: the package manager's `run build`.
        output: Directory that the build writes, relative to the project; default: outDir of its tsconfig.
        entry: File that Node runs, relative to the project; default: the rule of `nest start`.
        nest_project: Project of a Nest monorepo; default: the one at nest-cli.json's top level.
        include: Further paths or globs that the app reads at run time.
        node: "lts", a major ("24") or a full version; default: what the project asks for.
        on_host: Whether production dependencies are installed on the hosts instead of being shipped.
    """

    command: str = ""
    output: str = ""
    entry: str = ""
    nest_project: str = ""
    include: tuple[str, ...] = ()
    node: str = ""
    on_host: bool = False


class ManagerName(StrEnum):
    """The package managers that a build can use."""

    NPM = "npm"
    PNPM = "pnpm"
    YARN = "yarn"


@dataclass(frozen=True, slots=True)
class PackageManager:
    """A package manager and the version that the project pins.

    Attributes:
        name: npm, pnpm or yarn.
        version: Exact version or a major; empty: what this machine has (npm) or what reads the lockfile.
        lockfile: File name; empty where there is none.
    """

    name: ManagerName
    version: str
    lockfile: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was detected.

    Attributes:
        key: What: "manager", "entry", "node", …
        value: As shown to people.
        source: Where it was found: "package.json: packageManager".
    """

    key: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Migrations:
    """How the project's database is migrated.

    Attributes:
        tool: For people: "Prisma".
        command: That does it on a host, in the release's directory.
        package: That brings the command's program.
        evidence: Where the migrations, or their configuration, were found.
        is_shipped: Whether the package is no development dependency.
        include: What the command reads and nothing ships by itself; relative to the project.
    """

    tool: str
    command: str
    package: str
    evidence: str
    is_shipped: bool
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    """A NestJS project on the controller.

    Attributes:
        root: Its directory.
        name: package.json's name without the scope.
        manager: How dependencies are installed.
        nest_version: Locked version of @nestjs/core, else the range of package.json; empty: not a Nest project.
        is_esm: package.json's type is "module".
        nest_projects: Names of a Nest monorepo's applications; empty for a single app.
        build_command: Shell command.
        output: Directory that the build writes, relative.
        source_roots: Directories with TypeScript sources, relative; never shipped.
        entry_candidates: Files that may be the entry, the likeliest first; relative.
        node_request: "lts", "24" or "24.21.0".
        health_path: Guessed from the controllers; empty where none was found.
        has_terminus: Whether @nestjs/terminus is a dependency.
        has_shutdown_hooks: Whether enableShutdownHooks() is called somewhere.
        native_modules: Dependencies that are known to carry compiled code.
        node_range: package.json's engines.node as it is written; empty where it says nothing.
        migrations: How its database is migrated; None where it has no migrations.
        findings: How each of these was found.
    """

    root: Path
    name: str
    manager: PackageManager
    nest_version: str
    is_esm: bool
    nest_projects: tuple[str, ...]
    build_command: str
    output: str
    source_roots: tuple[str, ...]
    entry_candidates: tuple[str, ...]
    node_request: str
    health_path: str
    has_terminus: bool
    has_shutdown_hooks: bool
    native_modules: tuple[str, ...]
    node_range: str = ""
    migrations: Migrations | None = None
    findings: tuple[Finding, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class BuiltTree:
    """What a build leaves: a directory that holds exactly what is shipped.

    Attributes:
        root: The app's directory: package.json, the output, production node_modules, run-time folders.
        entry: Relative to root; exists.
        node_version: Node that built it, "24.21.0".
        node_abi: Its process.versions.modules.
        platform: "linux-x64", "linux-arm64", …
        manager: "npm 11.19.1".
        installed: Whether dependencies had to be installed (False: taken from the cache).
        build_seconds: Time of the build command.
        install_seconds: Time of the installation; 0 from the cache.
        install: How hosts install the dependencies; None: they are in root.
    """

    root: Path
    entry: str
    node_version: str
    node_abi: int
    platform: str
    manager: str
    installed: bool
    build_seconds: float
    install_seconds: float
    install: HostInstall | None = None
