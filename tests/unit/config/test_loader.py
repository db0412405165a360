"""Loading vpsdeploy.yml: what is accepted, and every message for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.errors import ConfigError


def _refusal(directory: Path, text: str) -> list[str]:
    """The error's why, without the file's name."""
    (directory / "vpsdeploy.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(directory)
    return [line.removeprefix("vpsdeploy.yml:") for line in caught.value.why.splitlines()]


def test_one_key_is_enough(tmp_path: Path) -> None:
    """Everything but `app` has a default."""
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\n")
    config = load(tmp_path)
    assert (config.app, config.node, config.instances, config.port) == ("shop", "lts", 2, 4000)
    assert (config.health.path, config.release.keep, config.release.surge) == ("/health", 5, "all")
    assert config.source_dir == tmp_path
    assert not config.node_is_set
    assert not config.warnings


def test_missing_file_names_init(tmp_path: Path) -> None:
    """Without vpsdeploy.yml the error says which command writes it."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert caught.value.what == f"no vpsdeploy.yml in {tmp_path}"
    assert "vpsdeploy init" in caught.value.next


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "app: routes",
            '1: app: "routes" names a directory of vpsdeploy itself on the hosts',
        ),
        ("app: Shop", '1: app: "Shop" is not allowed; it must be a small letter, then up to 30'),
        ("app: shop\ninstance: 2", '2: instance: unknown key; did you mean "instances"?'),
        (
            "app: shop\nhealth: {timeout: 3}",
            '2: health.timeout: unknown key; did you mean "timeout_seconds"?',
        ),
        ("app: shop\nlimits: {xyz: 3}", "2: limits.xyz: unknown key; known are memory, cpu"),
        (
            "app: shop\nhealth:\n",
            "2: health: an empty value is not allowed; it must be a mapping with path, timeout",
        ),
        (
            "app: shop\nhealth: {path: x}",
            '2: health.path: "x" is not allowed; it must be a path that starts with /',
        ),
        ("app: shop\nnode: 24.10", '2: node: 24.10 without quotes is the number 24.1; write node: "24.10"'),
        (
            "app: shop\nnode: latest",
            '2: node: "latest" is not allowed; it must be "lts", or a version in quotes',
        ),
        (
            "app: shop\ninstances: '2'",
            '2: instances: "2" is not allowed; it must be a whole number from 1 to 99',
        ),
        (
            "app: shop\ninstances: yes",
            "2: instances: yes is not allowed; it must be a whole number from 1 to 99",
        ),
        ("app: shop\nport: 80", "2: port: 80 is not allowed; it must be a whole number from 1024 to 65336"),
        (
            "app: shop\nport: 65337",
            "2: port: 65337 is not allowed; it must be a whole number from 1024 to 65336",
        ),
        (
            "app: shop\nhealth: {interval_seconds: .nan}",
            "2: health.interval_seconds: .nan is not allowed; it must be",
        ),
        ("app: shop\nenv: {PORT: 80}", "2: env.PORT: cannot be set: vpsdeploy sets it for each instance"),
        ("app: shop\nenv: {NODE_ENV: dev}", "2: env.NODE_ENV: cannot be set: it is always production"),
        (
            "app: shop\nenv: {VPSDEPLOY_X: 1}",
            "2: env.VPSDEPLOY_X: cannot be set: names that start with VPSDEPLOY_",
        ),
        (
            "app: shop\nenv: {lower: 1}",
            "2: env.lower: a name of an env variable starts with a capital letter",
        ),
        ("app: shop\nenv:\n  A:\n", "3: env.A: an empty value is not allowed; it must be text, a number"),
        ('app: shop\nenv: {A: "\\0"}', "2: env.A: contains a control character"),
        ("app: shop\nshared: [../up]", '2: shared[0]: "../up" is not allowed; it must be a path inside'),
        ("app: shop\nshared: [/up]", '2: shared[0]: "/up" is not allowed; it must be a path inside'),
        ("app: shop\nshared: [up, up/x]", '2: shared: "up/x" is inside "up": name the outer one only'),
        ("app: shop\nshared: [up, up]", '2: shared: "up" is there twice'),
        (
            "app: shop\nlimits: {memory: 512}",
            "2: limits.memory: 512 is not allowed; it must be a size from 64M on",
        ),
        (
            "app: shop\nlimits: {memory: 32M}",
            '2: limits.memory: "32M" is not allowed; it must be a size from 64M on',
        ),
        (
            "app: shop\nlimits: {cpu: 2}",
            "2: limits.cpu: 2 is not allowed; it must be a percentage of one core",
        ),
        (
            "app: shop\nrelease: {keep: 1}",
            "2: release.keep: 1 is not allowed; it must be a whole number from 2 to 50",
        ),
        ("app: shop\nrelease: {surge: 2}", '2: release.surge: 2 is not allowed; it must be "all" or 1'),
        ("app: shop\nrelease: {surge: true}", '2: release.surge: true is not allowed; it must be "all" or 1'),
        (
            "app: shop\ndomains: [Shop.com]",
            '2: domains[0]: "Shop.com" is not allowed; it must be a full domain name',
        ),
        (
            "app: shop\ndomains: shop.com",
            '2: domains: "shop.com" is not allowed; it must be a list of domain names',
        ),
        ("app: shop\napp: shop", "2: app: the key is there twice (first in line 1)"),
        ("app: shop\nsource: !x y", '2: source: the tag "!x" is not allowed here'),
        (
            "app: &a shop\nsource: *a",
            "2: column 9: aliases (*name) are not allowed here: write the value out",
        ),
        (
            "app: [",
            "1: column 7: expected the node content, but found '<stream end>' (while parsing a flow node)",
        ),
        ("- app", "1: must be keys with values, such as app: shop"),
        ("{? [a] : b, app: shop}", "1: a key must be text"),
        ("", "1: app: is missing; it must be a small letter"),
    ],
)
def test_refusals(tmp_path: Path, text: str, message: str) -> None:
    """Each mistake gives one line: where, what was seen, what is allowed."""
    [line] = _refusal(tmp_path, text)
    assert line.startswith(message)


def test_all_problems_at_once(tmp_path: Path) -> None:
    """One error lists every problem, in the order of the lines."""
    lines = _refusal(tmp_path, "app: Shop\nprot: 4000\nhealth:\n  path: up\nenv: {PORT: 1, A:}\n")
    assert [line.split(": ")[:2] for line in lines] == [
        ["1", "app"], ["2", "prot"], ["4", "health.path"], ["5", "env.PORT"], ["5", "env.A"],
    ]  # fmt: skip


def test_whole_message(tmp_path: Path) -> None:
    """The message has what, why, state and next."""
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\nprot: 1\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value) == (
        "error: vpsdeploy.yml has a problem\n"
        'why:   vpsdeploy.yml:2: prot: unknown key; did you mean "port"?\n'
        "state: nothing was touched\n"
        f"next:  edit {tmp_path}/vpsdeploy.yml; docs/config.md explains each key"
    )
    assert caught.value.exit_code == 3


def test_env_values_stay_as_written(tmp_path: Path) -> None:
    """YAML's readings of yes, 010, 1_000 and dates do not reach the app."""
    (tmp_path / "vpsdeploy.yml").write_text(
        'app: shop\nenv: {A: yes, B: 010, C: 1_000, D: 2026-01-02, E: 1.50, F: "", G: text}\n'
    )
    assert load(tmp_path).env == {
        "A": "yes", "B": "010", "C": "1_000", "D": "2026-01-02", "E": "1.50", "F": "", "G": "text",
    }  # fmt: skip


def test_node_major_needs_no_quotes(tmp_path: Path) -> None:
    """`node: 24` is unambiguous and is the text 24."""
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\nnode: 24\n")
    assert load(tmp_path).node == "24"
    assert load(tmp_path).node_is_set


def test_secrets_are_warned_about(tmp_path: Path) -> None:
    """A key that looks like a secret is a warning with its line; its value is not shown."""
    (tmp_path / "vpsdeploy.yml").write_text(
        "app: shop\nenv:\n  DB_PASSWORD: hunter2\n  API_KEY: k\n  TOKENS: 3\n"
    )
    warnings = load(tmp_path).warnings
    assert [warning.split(" ")[:2] for warning in warnings] == [
        ["vpsdeploy.yml:3:", "env.DB_PASSWORD"], ["vpsdeploy.yml:4:", "env.API_KEY"],
    ]  # fmt: skip
    assert "hunter2" not in str(warnings)


def test_unreadable_files(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are refused with their place."""
    (tmp_path / "vpsdeploy.yml").write_bytes(b"app: \xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8 text \\(byte 6\\)"):
        load(tmp_path)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    """A file of brackets ends in an error, not in a traceback."""
    (tmp_path / "vpsdeploy.yml").write_text("app: " + "[" * 5000 + "]" * 5000)
    with pytest.raises(ConfigError, match="nested too deeply"):
        load(tmp_path)
