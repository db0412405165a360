"""The fleet over SSH: one connection a host, opened once and shared by all verbs of a command.

Verbs go through one session of the agent, which saves each of them the start of sudo and Python; also those whose
request is followed by a body. What `exec` and `logs` stream has channels of its own.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING

from orchestrator.errors import VpsdeployError
from orchestrator.transport import agent_protocol, blocks, ssh
from orchestrator.transport.agent import Answer, OnEvent
from orchestrator.transport.opening import Opening

if TYPE_CHECKING:
    from orchestrator.model.fleet import Stage
    from orchestrator.transport.ssh_channel import Session


class SshFleet:
    """The hosts of a stage.

    Args:
        stage: Hosts and known keys.
        app: The app's name; every request carries it.
        by: Who is asking, "user@controller"; goes into the hosts' history.
        user: Login name.
    """

    def __init__(self, stage: Stage, app: str, by: str, user: str = ssh.DEPLOY_USER) -> None:
        self._stage, self._app, self._by, self._user = stage, app, by, user
        self._hosts = {host.name: host for host in stage.hosts}
        self._connections: dict[str, Opening[ssh.Connection]] = {}
        self._first: dict[str, Opening[Session]] = {}
        self._idle: dict[str, Session] = {}
        self._guard = threading.Lock()

    def open(self, host: str) -> None:
        """Log in to a host unless that was done."""
        self._connection(host)

    def begin_all(self) -> None:
        """Begin to log in to every host and to start its agent; what fails is raised by a host's first verb."""
        self._first = {host: Opening(functools.partial(self._session, host)) for host in self._hosts}

    def call(
        self,
        host: str,
        verb: str,
        request: Answer,
        *,
        body: Iterable[bytes] = (),
        on_event: OnEvent | None = None,
    ) -> Answer:
        """One verb on one host (see Fleet.call): in a session of the agent, or in a process of its own.

        Where a session is killed (memory ran out, an administrator), once more in a new one. That is safe: verbs are
        idempotent, and one that was killed midway is carried to its end by the next.
        """
        if verb in agent_protocol.STREAMED:
            return self._alone(host, verb, request, on_event)
        answer, session = self._say(host, verb, request, body, on_event)
        if not answer and agent_protocol.was_killed(session.exit_code()):
            answer, session = self._say(host, verb, request, body, on_event)
        return _judge(host, verb, session, answer)

    def _alone(self, host: str, verb: str, request: Answer, on_event: OnEvent | None) -> Answer:
        with closing(self.begin(host, verb, request)) as stream:
            stream.end()
            return _judge(host, verb, stream, _last_line(host, stream, on_event))

    def _say(
        self, host: str, verb: str, request: Answer, body: Iterable[bytes], on_event: OnEvent | None
    ) -> tuple[Answer, Session]:
        """In a free session, or a new one.

        One that broke off midway is never used again, nor one that may not have read a body to its end.
        """
        session = self._idle.pop(host, None) or self._new_session(host)
        line = agent_protocol.request_line(self._app, self._by, {**request, "verb": verb})
        end = (blocks.END,) if verb in agent_protocol.BODIED else ()
        try:
            session.send(chain((line,), body, end))
            answer = _last_line(host, session, on_event)
        except BaseException:
            session.close()
            raise
        if answer.get("event") == "error" and end:
            session.close()
        elif answer:
            self._idle[host] = session
        return answer, session

    def read(self, host: str, verb: str, request: Answer) -> Iterator[bytes]:
        """A verb whose answer is bytes (see Fleet.read)."""
        with closing(self.begin(host, verb, request)) as stream:
            stream.end()
            block = b""
            for block in stream.blocks():
                yield block
            if code := stream.exit_code():
                if said := agent_protocol.parse_line(block):
                    raise agent_protocol.error_from(host, said)
                raise agent_protocol.no_answer(host, verb, code, stream.stderr_tail())

    def begin(self, host: str, verb: str, request: Answer) -> Session:
        """Run a verb and send its request line; the caller sends and reads what follows."""
        session = self._connection(host).run(agent_protocol.command(verb))
        session.send([agent_protocol.request_line(self._app, self._by, request)])
        return session

    def forget(self, host: str) -> None:
        """Drop the connection to a host that restarts: its next verb logs in anew."""
        with self._guard:
            connection = self._connections.pop(host, None)
            self._first.pop(host, None)
            self._idle.pop(host, None)
        if connection and connection.succeeded:
            connection.result().close()

    def close(self) -> None:
        """Close every connection."""
        with self._guard:
            for connection in self._connections.values():
                if connection.succeeded:
                    connection.result().close()
            self._connections.clear()
            self._first.clear()
            self._idle.clear()

    def _new_session(self, host: str) -> Session:
        begun = self._first.pop(host, None)
        return begun.result() if begun else self._session(host)

    def _session(self, host: str) -> Session:
        return self._connection(host).run(agent_protocol.command("session"))

    def _connection(self, name: str) -> ssh.Connection:
        with self._guard:
            found = self._connections.get(name)
            if found is None or found.failed:
                found = Opening(lambda: ssh.connect(self._hosts[name], self._stage, self._user))
                self._connections[name] = found
        return found.result()


def _last_line(host: str, session: Session, on_event: OnEvent | None) -> Answer:
    """The result or the error that ends an answer; empty where the agent ended without one."""
    for line in session.lines():
        message = agent_protocol.parse_line(line)
        if message is None:
            continue
        if message["event"] in ("result", "error"):
            return message
        if on_event:
            on_event(host, message)
    return {}


def _judge(host: str, verb: str, session: Session, last: Answer) -> Answer:
    error: VpsdeployError
    if last.get("event") == "result":
        return {key: value for key, value in last.items() if key != "event"}
    if last.get("event") == "error":
        error = agent_protocol.error_from(host, last)
    else:
        error = agent_protocol.no_answer(host, verb, session.exit_code(), session.stderr_tail())
    raise error
