"""Building: what is installed when, what is left alone, and what each failure says."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import reference
from orchestrator.errors import ProjectError
from orchestrator.project.shipped_files import RUNTIME_FILES, RUNTIME_FOLDERS
from tests.unit.project.fake_npm import BUILDS, FakeProject, make
from tests.unit.project.projects import PACKAGE, lay


@pytest.fixture(name="project")
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    """A project that builds."""
    return make(tmp_path, monkeypatch)


def files(root: Path) -> dict[str, str]:
    """Every file below, with its content."""
    return {p.relative_to(root).as_posix(): p.read_text() for p in sorted(root.rglob("*")) if p.is_file()}


def test_what_is_shipped_is_the_output_and_production_dependencies(project: FakeProject) -> None:
    """No source, no development dependency, and dist made anew."""
    lay(
        project.source,
        {"dist/stale.js": "", "public/logo.svg": "<svg/>", "test/x.spec.ts": "", ".env": "KEY=1"},
    )
    tree = project.build()
    assert (tree.entry, tree.node_abi, tree.manager) == ("dist/main.js", 137, "npm 11.0.0")
    assert set(files(tree.root)) == {
        "dist/main.js", "node_modules/express/index.js", "package.json", "public/logo.svg",
    }  # fmt: skip


def test_a_change_of_the_source_installs_nothing(project: FakeProject) -> None:
    """One installation and one pruning for any number of builds with the same lockfile; the new source is built."""
    first = project.build()
    for text in ("two", "three"):
        (project.source / "src" / "main.ts").write_text(text)
        tree = project.build()
        assert (tree.root / "dist" / "main.js").read_text() == text
    assert (first.installed, tree.installed) == (True, False)
    assert (project.calls("ci"), project.calls("prune"), project.calls("run")) == (1, 1, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"package-lock.json": "{ }"},
        {"package.json": {**PACKAGE, "overrides": {"a": "1"}}},
        {"packages/a/package.json": {"name": "a"}},
        {".npmrc": "legacy-peer-deps=true"},
    ],
)
def test_a_change_of_the_dependencies_installs(project: FakeProject, change: dict[str, object]) -> None:
    """Whatever an installation reads: the lockfile, package.json's dependencies, a workspace, the settings."""
    project.build()
    lay(project.source, change)
    assert project.build().installed
    assert project.calls("ci") == 2


def test_a_change_of_other_keys_of_package_json_installs_nothing(project: FakeProject) -> None:
    """A new script or description is no new dependency; the new package.json is shipped."""
    project.build()
    lay(project.source, {"package.json": {**PACKAGE, "description": "new"}})
    tree = project.build()
    assert not tree.installed
    assert '"new"' in (tree.root / "package.json").read_text()


def test_a_dependency_set_that_was_used_before_is_still_there(project: FakeProject) -> None:
    """Going back and forth between two branches installs each once; a third forgets the oldest."""
    for lock in ("{}", "{ }", "{}", "{ }"):
        lay(project.source, {"package-lock.json": lock})
        project.build()
    assert project.calls("ci") == 2
    lay(project.source, {"package-lock.json": "{  }"})
    project.build()
    assert len([path for path in project.work.iterdir() if path.is_dir()]) == 2


def test_what_a_build_writes_into_node_modules_is_shipped(project: FakeProject) -> None:
    """A generated client (prisma generate) is the one of this build, not of the first."""
    generate = f"{BUILDS} && mkdir -p node_modules/.prisma && cp src/main.ts node_modules/.prisma/client.js"
    lay(project.source, {"build.sh": generate})
    for text in ("one", "other"):
        (project.source / "src" / "main.ts").write_text(text)
        tree = project.build()
        assert (tree.root / "node_modules" / ".prisma" / "client.js").read_text() == text


def test_a_later_build_cannot_alter_what_was_laid_out(project: FakeProject) -> None:
    """The tree that is built in and the one that is shipped share no file."""
    tree = project.build()
    shared = [
        path
        for path in tree.root.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_nlink > 1
    ]
    assert shared == []


def test_the_users_tree_is_not_touched(project: FakeProject) -> None:
    """Only .vpsdeploy is written; dist and node_modules of the developer stay as they are."""
    lay(project.source, {"dist/main.js": "mine", "node_modules/express/index.js": "mine"})
    before = files(project.source)
    project.build()
    after = {name: text for name, text in files(project.source).items() if not name.startswith(".vpsdeploy/")}
    assert after == before


def test_a_script_named_deploy_is_never_run(project: FakeProject) -> None:
    """`nest new` adds one that releases to a vendor's cloud: npm is asked for build alone."""
    scripts = {"build": "nest build", "deploy": "nest deploy"}
    lay(project.source, {"package.json": {**PACKAGE, "scripts": scripts}})
    project.build()
    runs = [line for line in project.calls_file.read_text().splitlines() if line.startswith("run")]
    assert runs == ["run build"]


def test_an_installation_that_was_killed_is_not_trusted(project: FakeProject) -> None:
    """Half of node_modules is there: the next build installs again, from nothing."""
    project.dies_file.touch()
    with pytest.raises(ProjectError, match="the dependencies cannot be installed") as caught:
        project.build()
    assert "exit code 137" in caught.value.why
    project.dies_file.unlink()
    (next(project.work.glob("*/tree/node_modules")) / "half.js").touch()
    tree = project.build()
    assert tree.installed
    assert not (tree.root / "node_modules" / "half.js").exists()


def test_production_dependencies_that_were_cut_off_are_made_again(project: FakeProject) -> None:
    """A kill between the steps leaves no record that they are whole."""
    tree = project.build()
    (tree.root / "node_modules" / "express" / "index.js").unlink()
    (tree.root.parent / "app.made-from").unlink()
    (tree.root.parent / "app.partial").mkdir()
    again = project.build()
    assert (again.root / "node_modules" / "express" / "index.js").exists()
    assert project.calls("prune") == 2


def test_a_failing_build_shows_its_command_its_code_and_its_last_lines(project: FakeProject) -> None:
    """The last 20 lines, the exit code and what to run by hand."""
    lay(project.source, {"build.sh": "for n in $(seq 1 30); do echo line $n; done; exit 3"})
    with pytest.raises(ProjectError, match="the build failed") as caught:
        project.build()
    assert caught.value.step == "sh -c npm run build"
    assert caught.value.why.splitlines() == [
        "exit code 3; its last lines:", *(f"line {n}" for n in range(11, 31)),
    ]  # fmt: skip
    assert caught.value.state == "no host was touched"


def test_a_build_that_makes_no_entry_lists_what_it_made(project: FakeProject) -> None:
    """Nest's own builder exits 0 where a package is missing: the file decides, not the exit code."""
    lay(project.source, {"build.sh": "mkdir -p dist/apps && touch dist/apps/other.js dist/x.map"})
    with pytest.raises(ProjectError, match="the build made no entry file") as caught:
        project.build()
    assert "dist/main.js" in caught.value.why
    assert caught.value.why.endswith("below dist: apps/other.js")
    assert "build.entry" in caught.value.next


def test_two_entries_are_not_chosen_between(project: FakeProject) -> None:
    """Output of two builders: the user says which one it is."""
    lay(project.source, {"build.sh": f"{BUILDS} && mkdir dist/src && touch dist/src/main.js"})
    with pytest.raises(ProjectError, match="more than one file may be the entry") as caught:
        project.build()
    assert "dist/main.js, dist/src/main.js" in caught.value.why
    assert project.build(entry="dist/src/main.js").entry == "dist/src/main.js"


def test_an_old_record_of_tsc_is_not_copied(project: FakeProject) -> None:
    """With it, tsc would write nothing into the empty output, and exit 0."""
    lay(project.source, {"tsconfig.build.tsbuildinfo": "{}"})
    tree = project.build()
    assert not (tree.root.parent / "tree" / "tsconfig.build.tsbuildinfo").exists()


def test_include_ships_more(project: FakeProject) -> None:
    """Files, directories and globs; also what Git ignores; never .env; what matches nothing is an error."""
    lay(
        project.source,
        {"certs/ca.pem": "CA", "mail/a.hbs": "a", "mail/.env": "", "data/x.json": "{}", "data/y.txt": ""},
    )
    tree = project.build(include=("certs/ca.pem", "mail", "data/*.json"))
    shipped = {name for name in files(tree.root) if name.startswith(("certs", "mail", "data"))}
    assert shipped == {"certs/ca.pem", "mail/a.hbs", "data/x.json"}
    for pattern, what in (("mial", "nothing matches 'mial'"), ("mail/.env", "is never shipped")):
        with pytest.raises(ProjectError, match=what):
            project.build(include=(pattern,))


def test_the_reference_names_what_is_shipped_by_itself() -> None:
    """Nobody has to read our code to know whether a folder has to be listed in build.include."""
    text = (Path(reference.__file__).with_name("reference.yml")).read_text(encoding="utf-8")
    comment = text[text.index("# What else to ship") : text.index("include: []")]
    assert [name for name in (*RUNTIME_FOLDERS, *RUNTIME_FILES) if name not in comment] == []


@pytest.mark.parametrize("include", [(), ("certs/key.pem",)])
def test_a_link_out_of_the_project_is_refused(project: FakeProject, include: tuple[str, ...]) -> None:
    """What lies elsewhere on this machine is never shipped, neither by a folder's name nor by build.include."""
    outside = lay(project.source.parent / "outside", {"key.pem": "secret"})
    link = project.source / ("certs" if include else "public")
    link.symlink_to(outside)
    with pytest.raises(ProjectError, match="leaves the project"):
        project.build(include=include)


def test_a_link_inside_of_the_project_is_shipped_as_what_it_leads_to(project: FakeProject) -> None:
    """On the host the directory is there, whether or not its target is shipped."""
    lay(project.source, {"web/build/logo.svg": "<svg/>"})
    (project.source / "public").symlink_to("web/build")
    assert (project.build().root / "public" / "logo.svg").read_text() == "<svg/>"
