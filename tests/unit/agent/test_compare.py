"""The verb `compare`: what differs between two releases on the disk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.agent.conftest import RELEASES, Host

A, B = RELEASES[:2]
EXPRESS = "node_modules/express/package.json"


def package(version: str) -> bytes:
    """A package.json."""
    return json.dumps({"name": "x", "version": version}).encode()


def compare(host: Host, **more: Any) -> dict[str, Any]:
    """From A to B."""
    return host.call("compare", a=A, b=B, **more)


def test_files_are_told_apart_by_their_content(host: Host) -> None:
    """Added, removed, changed: counted, the first ones named, each with the beginning of its digest."""
    host.ship(A, {"dist/main.js": b"one", "dist/same.js": b"same", "dist/old.js": b"old"})
    host.ship(B, {"dist/main.js": b"two", "dist/same.js": b"same", "dist/new.js": b"new"})
    files = compare(host)["files"]
    assert [files[name] for name in ("added", "removed", "changed")] == [1, 1, 1]
    named = {one["path"]: (one["a"] is not None, one["b"] is not None) for one in files["first"]}
    assert named == {
        "dist/main.js": (True, True), "dist/new.js": (False, True), "dist/old.js": (True, False),
    }  # fmt: skip
    assert compare(host, names=1)["files"]["first"] == files["first"][:1]


def test_what_is_damaged_differs_though_its_name_is_the_same(host: Host) -> None:
    """Contents are compared, not what a manifest says of them."""
    host.ship(A)
    host.ship(B)
    assert compare(host)["files"]["first"] == []
    file = host.app.release(B) / "app/dist/main.js"
    file.unlink()
    file.write_bytes(b"damaged")
    assert [one["path"] for one in compare(host)["files"]["first"]] == ["dist/main.js"]


def test_packages_are_told_by_their_versions(host: Host) -> None:
    """Nested and scoped ones too; their files are only counted."""
    main = {"dist/main.js": b"main"}
    nested, scoped = (
        "node_modules/a/node_modules/debug/package.json",
        "node_modules/@nestjs/core/package.json",
    )
    host.ship(A, {**main, EXPRESS: package("4.18.1"), nested: package("1.0.0"), "node_modules/a/x.js": b"1"})
    host.ship(B, {**main, EXPRESS: package("4.19.0"), scoped: package("12.0.0"), "node_modules/a/x.js": b"2"})
    answer = compare(host)
    assert answer["packages"]["first"] == [
        {"name": "@nestjs/core", "a": None, "b": "12.0.0"},
        {"name": "a/node_modules/debug", "a": "1.0.0", "b": None},
        {"name": "express", "a": "4.18.1", "b": "4.19.0"},
    ]
    assert answer["package_files"] == {"added": 1, "removed": 1, "changed": 2}
    assert answer["files"] == {"added": 0, "removed": 0, "changed": 0, "first": []}


@pytest.mark.parametrize("content", [b"no json", b"[]", b"{}", b'{"version": ' + b"[" * 100_000])
def test_a_package_that_names_no_version_is_no_error(host: Host, content: bytes) -> None:
    """It came from a registry: anything may be in it."""
    host.ship(A, {"dist/main.js": b"main", EXPRESS: content})
    host.ship(B, {"dist/main.js": b"main", EXPRESS: package("1.0.0")})
    assert compare(host)["packages"]["first"] == [{"name": "express", "a": None, "b": "1.0.0"}]


def test_settings_are_shown_and_env_values_are_not(host: Host) -> None:
    """Names of env variables, and a digest that says nothing outside this answer."""
    env = {"KEPT": "same", "PASSWORD": "hunter2", "OLD": "x"}
    host.ship(A, env=env, limits={"memory": "512M", "cpu": "100%"})
    host.ship(
        B, env={"KEPT": "same", "PASSWORD": "hunter3", "NEW": "y"}, limits={"memory": "1G", "cpu": "100%"}
    )
    answer = compare(host)
    assert answer["settings"] == [{"name": "limits.memory", "a": "512M", "b": "1G"}]
    found = {one["name"]: (one["a"] is not None, one["b"] is not None) for one in answer["env"]}
    assert found == {"PASSWORD": (True, True), "OLD": (True, False), "NEW": (False, True)}
    assert "hunter" not in json.dumps(answer)
    assert compare(host)["env"] != answer["env"]  # the key is made anew: nothing can be tried out against it


def test_a_setting_that_we_do_not_know_is_a_digest(host: Host) -> None:
    """A later version may keep there what is not to be shown."""
    host.ship(A, later={"key": "hunter2"})
    host.ship(B, later={"key": "hunter3"})
    (one,) = compare(host)["settings"]
    assert one["name"] == "later.key"
    assert one["a"].startswith("digest ")
    assert "hunter" not in json.dumps(one)


@pytest.mark.parametrize("name", ["20991122000003-cccccccc", "../../etc", ""])
def test_only_kept_releases_can_be_compared(host: Host, name: str) -> None:
    """The error lists them; no path comes from outside."""
    host.ship(A)
    answer = host.call("compare", a=A, b=name)
    assert (answer["kind"], answer["why"]) == ("ReleaseFailed", f"releases here: {A}")
