"""A session: one verb after another in one process."""

from __future__ import annotations

import io
import json
import os

import pytest

from orchestrator.agent import main
from orchestrator.agent.systemd import Systemd
from tests.unit.agent.conftest import Host


def lines(*requests: object) -> bytes:
    """Requests as they come over the wire."""
    return b"".join(json.dumps(request).encode() + b"\n" for request in requests)


def asked(verb: str) -> dict[str, object]:
    """A request of a session."""
    return {"protocol": 1, "app": "shop", "verb": verb}


def test_each_line_gets_one_answer(host: Host) -> None:
    """A verb that fails, or is none, does not end the session."""
    host.words(["session"], lines(asked("facts"), asked("nope"), asked("start"), asked("history")))
    ends = [line["event"] for line in host.lines]
    assert ends == ["result", "error", "error", "result"]


@pytest.mark.parametrize("verb", main.STREAMED)
def test_verbs_with_a_stream_of_their_own_are_refused(host: Host, verb: str) -> None:
    """What follows the line would be taken for the next request."""
    assert host.words(["session"], lines(asked(verb)))["kind"] == "UsageError"


def test_nothing_is_begun_once_nobody_reads(host: Host) -> None:
    """The verb that runs is finished; the request behind it is not taken up."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = io.BytesIO(lines(asked("facts"), asked("facts")))
    main.run(["session"], stream, writer, host.layout, Systemd(host.systemd))
    os.close(writer)
    assert stream.read() == lines(asked("facts"))
