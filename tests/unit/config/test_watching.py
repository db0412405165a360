"""What the command line says about the watch of one release."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config import load, watching
from orchestrator.config.app import AppConfig, ReleaseConfig
from orchestrator.errors import ConfigError, UsageError

CONFIG = AppConfig(app="shop")


def test_without_options_the_file_decides() -> None:
    """Ten seconds, no canary; or what it says."""
    assert watching.asked(CONFIG, watch=True) == CONFIG
    own = AppConfig(app="shop", release=ReleaseConfig(watch_seconds=30, canary=(10, 100)))
    assert watching.asked(own, watch=True) == own


def test_no_watch_is_a_flip_at_once() -> None:
    """The file's canary is left out too; nothing else changes."""
    own = AppConfig(app="shop", release=ReleaseConfig(canary=(10, 100), keep=7))
    release = watching.asked(own, watch=False).release
    assert (release.watch_seconds, release.canary, release.keep) == (0, (), 7)


def test_a_canary_for_one_release() -> None:
    """In place of the file's."""
    assert watching.asked(CONFIG, watch=True, canary="5,25,100").release.canary == (5, 25, 100)
    assert watching.asked(CONFIG, watch=True, canary="100").release.canary == (100,)


def test_where_the_project_is_stays_known(tmp_path: Path) -> None:
    """A copy of the model keeps what is not part of it."""
    (tmp_path / "vpsdeploy.yml").write_text("app: shop\nenv: {API_TOKEN: x}\n")
    config = load(tmp_path)
    assert watching.asked(config, watch=False).project_dir == tmp_path
    assert watching.asked(config, watch=False).warnings == config.warnings != ()


@pytest.mark.parametrize(
    ("canary", "why"),
    [
        ("5,25", "5, 25 does not rise to 100"),
        ("25,5,100", "25, 5, 100 does not rise to 100"),
        ("5,5,100", "5, 5, 100 does not rise to 100"),
        ("0,100", "0 is not a share of the requests: from 1 to 100 (percent)"),
        ("5,101", "101 is not a share of the requests"),
        ("-5,100", "-5 is not a share of the requests"),
        ("5;100", "must be percentages that rise to 100"),
        ("5.5,100", "must be percentages that rise to 100"),
        ("five,100", "must be percentages that rise to 100"),
        (",", "must be percentages that rise to 100"),
    ],
)
def test_a_canary_that_cannot_be_is_refused(canary: str, why: str) -> None:
    """Before anything is connected to: exit code 2, what is wrong, and an example."""
    with pytest.raises(UsageError) as caught:
        watching.asked(CONFIG, watch=True, canary=canary)
    assert why in caught.value.why
    assert (caught.value.state, caught.value.next) == (
        "nothing was touched",
        "for example: --canary 5,25,100",
    )


def test_a_canary_without_a_watch_is_refused() -> None:
    """Nobody would look at its shares."""
    unwatched = AppConfig(app="shop", release=ReleaseConfig(watch_seconds=0))
    for config, watch in ((CONFIG, False), (unwatched, True)):
        with pytest.raises(UsageError, match="a canary needs a watch"):
            watching.asked(config, watch=watch, canary="5,100")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("canary: [5, 25]", "release.canary: 5, 25 does not rise to 100; write [5, 25, 100], for example"),
        ("canary: [0, 100]", "release.canary: 0 is not a share of the requests: from 1 to 100 (percent)"),
        ("canary: 5", "release.canary: 5 is not allowed; it must be a list of percentages that rises to 100"),
        ("canary: [5, true, 100]", "release.canary[1]: true is not allowed"),
        ("watch_seconds: 0, canary: [5, 100]", "release.canary: needs a watch, and watch_seconds is 0"),
        (
            "watch_seconds: 3601",
            "release.watch_seconds: 3601 is not allowed; it must be a whole number from 0 to 3600",
        ),
        ("watch_seconds: -1", "release.watch_seconds: -1 is not allowed"),
    ],
)
def test_the_file_is_refused_in_the_same_way(tmp_path: Path, text: str, message: str) -> None:
    """With its line and key."""
    (tmp_path / "vpsdeploy.yml").write_text(f"app: shop\nrelease: {{{text}}}\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert message in caught.value.why
