"""HTTP from the host: bounded in time, the system's certificates, the system's proxy."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from ansible.module_utils.vpsdeploy.node_versions import NodeError


class Unreachable(NodeError):
    """The source did not answer; what is installed may still do."""


@contextmanager
def opened(url: str, timeout_seconds: float, accept: str = "*/*") -> Iterator[IO[Any]]:
    """An open answer.

    Raises: Unreachable: no answer, no certificate, or a status other than 2xx.
    """
    if not url.startswith(("http://", "https://")):
        raise NodeError(f"{url} is not an HTTP address")
    request = urllib.request.Request(url, headers={"Accept": accept, "User-Agent": "vpsdeploy"})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:  # noqa: S310 - checked above
            yield answer
    except urllib.error.HTTPError as error:
        raise Unreachable(f"{url} answered {error.code}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise Unreachable(
            f"{url} cannot be reached from the host: {getattr(error, 'reason', error)}"
        ) from error
