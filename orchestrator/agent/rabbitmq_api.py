"""RabbitMQ's HTTP API on loopback, asked as its administrator, whose password is a file of root's."""

from __future__ import annotations

import base64
import http.client
import json
import time
from typing import Any
from urllib.parse import quote

from orchestrator.agent import administrator
from orchestrator.agent.call import Call
from orchestrator.agent.failures import HostNotReady

ADMIN = "vpsdeploy"
_TIMEOUT_SECONDS = 60.0
"""Definitions of many queues take their time; a server that hangs is noticed by its unit's own means."""

_AGAIN_SECONDS = 0.5
"""Before a question is asked once more whose answer was not ready (our choice)."""


class Refused(Exception):
    """The server said no: its own words, what was asked, and the status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Api:
    """Source: rabbitmq.com/docs/http-api-reference; the same in 3.10 and 4.0 as far as it is used here."""

    def __init__(
        self, port: int, user: str, password: str, timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._port, self._headers = port, {"Authorization": f"Basic {token}"}
        self._timeout_seconds = timeout_seconds

    def get(self, *path: str, query: str = "") -> Any:
        """What is there; None where nothing is. Asked once more where the server is not ready to say it.

        Raises: Refused. OSError: nobody listens, or answers in time.
        """
        try:
            return self._found(path, query)
        except (Refused, OSError) as error:
            if not _is_passing(error):
                raise
        time.sleep(_AGAIN_SECONDS)
        return self._found(path, query)

    def put(self, path: tuple[str, ...], body: dict[str, Any]) -> None:
        """Have it so. Raises: Refused. OSError."""
        self._ask("PUT", path, body)

    def post(self, path: tuple[str, ...], body: dict[str, Any]) -> None:
        """Hand something over. Raises: Refused. OSError."""
        self._ask("POST", path, body)

    def delete(self, *path: str) -> None:
        """Take it away. Raises: Refused. OSError."""
        self._ask("DELETE", path)

    def _found(self, path: tuple[str, ...], query: str) -> Any:
        try:
            return self._ask("GET", path, query=query)
        except Refused as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise

    def _ask(
        self, method: str, path: tuple[str, ...], body: dict[str, Any] | None = None, query: str = ""
    ) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout_seconds)
        text = None if body is None else json.dumps(body)
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        url = "/".join(["/api", *(quote(part, safe="") for part in path)]) + query
        try:
            connection.request(method, url, text, headers)
            answer = connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {url}: no answer that is HTTP: {error}") from None
        except TimeoutError:
            raise TimeoutError(f"{method} {url}: no answer within {self._timeout_seconds:g} s") from None
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise Refused(answer.status, f"{_told(content)} (HTTP {answer.status}, {method} {url})".lstrip())
        try:
            return json.loads(content) if content else None
        except ValueError:
            raise OSError(f"{method} {url}: no answer that is JSON: {content[:100]!r}") from None


def connected(call: Call, settings: dict[str, Any]) -> Api:
    """The API as the administrator.

    Raises: HostNotReady: the server does not answer, or does not know its administrator.
    """
    api = Api(int(settings["management"]), ADMIN, password(call))
    try:
        api.get("whoami")
    except (Refused, OSError) as error:
        raise refused(settings, error) from None
    return api


def refused(settings: dict[str, Any], error: Exception) -> HostNotReady:
    """What is told where the server says no."""
    return HostNotReady(
        "rabbitmq does not do what it is asked", why=str(error),
        next=f"journalctl -u {settings['unit']}, /var/log/rabbitmq; then vpsdeploy provision host",
    )  # fmt: skip


def password(call: Call) -> str:
    """The administrator's: made here the first time, root's alone."""
    return administrator.password(call, "rabbitmq", ADMIN)


def _is_passing(error: Refused | OSError) -> bool:
    """Whether it is a trouble of the moment: what the API tells is collected by other processes, which may be late."""
    if isinstance(error, OSError):
        return not isinstance(error, ConnectionRefusedError)
    return error.status >= http.client.INTERNAL_SERVER_ERROR


def _told(content: bytes) -> str:
    """Its own words for what is wrong."""
    try:
        found = json.loads(content)
    except ValueError:
        return content.decode(errors="replace").strip()[:500]
    if not isinstance(found, dict):
        return str(found)[:500]
    return str(found.get("reason") or found.get("error") or found)[:500]
