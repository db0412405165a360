"""The fleet over SSH: which verbs share a session, and when a session is given up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.agent import main
from orchestrator.errors import HostNotReady, InternalError, ProjectError, ReleaseFailed
from orchestrator.model.fleet import Host, Stage
from orchestrator.transport import blocks, ssh
from orchestrator.transport.agent_ssh import SshFleet

RESULT = b'{"event":"result","live":"blue"}'
FAILED = b'{"event":"error","kind":"ReleaseFailed","what":"health check failed"}'
STAGE = Stage("live", Path("hosts.yml"), Path("known_hosts"), (Host("web-1", "10.0.0.1"),))


class FakeSession:
    """A command on the host with answers made up beforehand."""

    def __init__(self, command: str, answers: list[bytes], code: int | None = None) -> None:
        self.command, self.answers = command, answers
        self.sent: list[bytes] = []
        self.closed = False
        well = bool(answers) and answers[-1] != FAILED
        self.code = (0 if well else 1) if code is None else code

    def send(self, body: Iterable[bytes]) -> None:
        """Keep what was sent."""
        for block in body:
            self.sent.append(block)

    def end(self) -> None:
        """Nothing more comes."""

    def lines(self) -> Iterator[bytes]:
        """The answers, one at a time."""
        while self.answers:
            yield self.answers.pop(0)

    def blocks(self) -> Iterator[bytes]:
        """The same, as bytes."""
        return self.lines()

    def exit_code(self) -> int:
        """Ended: well, unless the last answer was an error."""
        return self.code

    def stderr_tail(self) -> str:
        """Nothing."""
        return ""

    def close(self) -> None:
        """Given up."""
        self.closed = True


class World:
    """The connection to the only host."""

    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.answers: list[list[bytes]] = []
        self.exit_codes: list[int] = []

    def run(self, command: str) -> FakeSession:
        """Start a command."""
        self.sessions.append(FakeSession(command, self.answers.pop(0), self._code()))
        return self.sessions[-1]

    def _code(self) -> int | None:
        return self.exit_codes.pop(0) if self.exit_codes else None

    def close(self) -> None:
        """Close."""


@pytest.fixture(name="world")
def _world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(ssh, "connect", lambda *_: world)
    return world


def fleet() -> SshFleet:
    """Over the fake connection."""
    return SshFleet(STAGE, "shop", "ann@laptop")


def test_verbs_share_one_session(world: World) -> None:
    """One start of the agent; each request names its verb; an error of one verb leaves the session usable."""
    world.answers = [[RESULT, FAILED, RESULT]]
    one = fleet()
    assert one.call("web-1", "facts", {}) == {"live": "blue"}
    with pytest.raises(ReleaseFailed):
        one.call("web-1", "gate", {"colour": "blue"})
    one.call("web-1", "unlock", {})
    (session,) = world.sessions
    requests: list[dict[str, Any]] = [json.loads(line) for line in session.sent]
    assert session.command.endswith("vpsdeploy-agent session")
    assert [request["verb"] for request in requests] == ["facts", "gate", "unlock"]


def test_a_body_goes_through_the_session_and_says_where_it_ends(world: World) -> None:
    """What comes next is a request again."""
    world.answers = [[RESULT, RESULT, RESULT]]
    one = fleet()
    one.call("web-1", "facts", {})
    one.call("web-1", "receive", {"count": 1}, body=[b"block"])
    one.call("web-1", "facts", {})
    (session,) = world.sessions
    assert session.sent[2:4] == [b"block", blocks.END]


def test_a_session_whose_body_was_refused_is_not_used_again(world: World) -> None:
    """The host may not have read it: what is left of it would be taken for a request."""
    world.answers = [[FAILED, RESULT], [RESULT]]
    one = fleet()
    with pytest.raises(ReleaseFailed):
        one.call("web-1", "receive", {"count": 1}, body=[b"block"])
    one.call("web-1", "facts", {})
    assert world.sessions[0].closed
    assert len(world.sessions) == 2


def test_a_body_that_cannot_be_made_is_never_ended(world: World) -> None:
    """So the host sees that it was cut off."""
    world.answers = [[RESULT]]

    def body() -> Iterator[bytes]:
        yield b"block"
        raise ProjectError("a file of the bundle has changed")

    with pytest.raises(ProjectError):
        fleet().call("web-1", "receive", {"count": 1}, body=body())
    (session,) = world.sessions
    assert session.closed
    assert blocks.END not in session.sent


@pytest.mark.parametrize("verb", sorted({*main.STREAMED} - {"boot"}))
def test_a_verb_that_no_session_carries_has_a_process_of_its_own(world: World, verb: str) -> None:
    """The agent's own list of them: `logs` asked for in a session would be refused by every host."""
    world.answers = [[b'{"event":"log"}', RESULT]]
    seen: list[dict[str, Any]] = []
    assert fleet().call("web-1", verb, {}, on_event=lambda _, event: seen.append(event)) == {"live": "blue"}
    (process,) = world.sessions
    assert process.command.endswith(f"vpsdeploy-agent {verb}")
    assert process.closed
    assert seen == [{"event": "log"}]


def test_bytes_of_a_verb_are_handed_on_as_they_come(world: World) -> None:
    """Its request stands alone, and its channel is closed."""
    world.answers = [[b"one", b"two"]]
    assert list(fleet().read("web-1", "copy", {"names": []})) == [b"one", b"two"]
    assert json.loads(world.sessions[0].sent[0])["names"] == []
    assert world.sessions[0].closed


@pytest.mark.parametrize(("answers", "error"), [([b"one", FAILED], ReleaseFailed), ([], InternalError)])
def test_bytes_that_broke_off_are_an_error(
    world: World, answers: list[bytes], error: type[Exception]
) -> None:
    """The agent's own, where it could say what went wrong."""
    world.answers = [answers]
    with pytest.raises(error):
        list(fleet().read("web-1", "copy", {}))


def test_a_session_that_broke_off_is_not_used_again(world: World) -> None:
    """Its late answer would be taken for the next verb's."""
    world.answers = [[], [RESULT]]
    one = fleet()
    with pytest.raises(InternalError, match="no answer"):
        one.call("web-1", "gate", {})
    assert one.call("web-1", "return", {}) == {"live": "blue"}
    assert len(world.sessions) == 2


def test_an_interrupted_wait_gives_the_session_up(world: World) -> None:
    """Ctrl-C in the middle of a verb: what undoes it starts afresh."""
    world.answers = [[b'{"event":"progress"}', RESULT], [RESULT]]
    one = fleet()

    def interrupt(_host: str, _event: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.call("web-1", "gate", {}, on_event=interrupt)
    one.call("web-1", "stop", {})
    assert world.sessions[0].closed
    assert len(world.sessions) == 2


def test_a_killed_agent_is_asked_again(world: World) -> None:
    """Verbs are idempotent: one that the kernel killed is begun anew, and its caller notices nothing."""
    world.answers = [[], [RESULT]]
    world.exit_codes = [137]
    one = fleet()
    assert one.call("web-1", "start", {"colour": "green"}) == {"live": "blue"}
    asked = [json.loads(line)["verb"] for session in world.sessions for line in session.sent]
    assert asked == ["start", "start"]


def test_an_agent_that_is_killed_again_and_again_is_given_up(world: World) -> None:
    """Not our mistake, and no reason to provision: somebody kills it, and the message says where to look."""
    world.answers = [[], []]
    world.exit_codes = [137, 137]
    with pytest.raises(HostNotReady, match="killed, twice") as caught:
        fleet().call("web-1", "start", {"colour": "green"})
    assert "out of memory" in caught.value.next
