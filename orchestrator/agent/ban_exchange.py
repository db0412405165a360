"""One ban for all load balancers: each tells the others whom it bans, in a file that it signs.

Each asks each other one every two seconds, over nginx, which is there anyway and lets only the fleet's addresses read
it. The file is signed with the SSH host key that provisioning pinned: no secret is made or handed out for it, no host
can log in to another, nothing more listens. Asking, not telling: a host that was down catches up by itself.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.agent import ban_list, ban_table, durable, mutex
from orchestrator.agent.layout import Layout

HOST = "bans.vpsdeploy.invalid"
"""The name under which nginx gives the file out (roles/nginx)."""

NAMESPACE = "vpsdeploy-bans"
"""What signatures are for: none that a host key makes elsewhere passes. Source: ssh-keygen(1), -n."""

PAUSE_SECONDS = 2.0
_TIMEOUT_SECONDS = 2.0
_AGAIN_SECONDS = 60.0
"""How long what did not change is left as it is."""

_MOST_BYTES = 8 << 20
_MUTEX_SECONDS = 20.0


def run(layout: Layout) -> None:
    """Tell and ask, for as long as the host runs. A peer that does not answer keeps none of the others waiting."""
    peers = ban_list.settings(layout).get("peers", ())
    for peer in peers:
        threading.Thread(target=_ask_again_and_again, args=(layout, peer), daemon=True).start()
    teller, enforcer, trouble = Teller(layout), Enforcer(layout), Trouble("bans")
    while peers:
        with trouble.told():
            teller.tell()
            enforcer.enforce()
        time.sleep(PAUSE_SECONDS / 2)


def enforce(layout: Layout) -> None:
    """Bring the firewall to what holds now."""
    with mutex.held(layout.bans / "mutex", _MUTEX_SECONDS):
        ban_table.apply(ours(layout))


def ours(layout: Layout) -> list[ban_list.Ban]:
    """The bans that are in our table: fail2ban sees to its own."""
    return [ban for ban in ban_list.every(layout) if ban.origin or ban.source == ban_list.ADDED]


class Enforcer:
    """Brings the firewall to what holds where that changed, and now and then anew: somebody may have flushed it."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._applied = layout, 0.0
        self._seen: list[tuple[str, str, float | None]] = []
        self._files: list[tuple[str, int]] = []

    def enforce(self) -> None:
        """Look at the files again, where one was written: a ban that ends does so in the kernel."""
        files = _written(self._layout)
        if files == self._files and time.time() - self._applied <= _AGAIN_SECONDS:
            return
        wanted = [(ban.address, ban.ports, ban.until) for ban in ours(self._layout)]
        if wanted != self._seen or time.time() - self._applied > _AGAIN_SECONDS:
            enforce(self._layout)
            self._seen, self._applied = wanted, time.time()
        self._files = files


class Trouble:
    """Says in the journal what went wrong, once, and lets the next try come."""

    def __init__(self, about: str) -> None:
        self._about, self._said = about, ""

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Whatever fails in the block is said."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the next try must come
            said = f"{self._about}: {type(error).__name__}: {error}"
            if said != self._said:
                sys.stderr.write(f"{said}\n")
            self._said = said
        else:
            self._said = ""


class Teller:
    """Writes the signed file where it says something new, and now and then anew."""

    def __init__(self, layout: Layout) -> None:
        self._layout, self._said, self._signed = layout, "", 0.0

    def tell(self) -> None:
        """Sign what this host bans."""
        said = json.dumps(ban_list.fields(ban_list.own(self._layout)[: ban_list.MOST]))
        if said == self._said and time.time() - self._signed < _AGAIN_SECONDS:
            return
        now = time.time()
        name = ban_list.settings(self._layout)["name"]
        text = json.dumps({"host": name, "time": now, "bans": json.loads(said)})
        public = self._layout.published
        public.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        signed = {"text": text, "signature": sign(self._layout, text)}
        durable.write(public, json.dumps(signed).encode(), sync=False)
        self._said, self._signed = said, now


def sign(layout: Layout, text: str) -> str:
    """A signature by the host key that the others know.

    Raises: OSError, subprocess.CalledProcessError: there is no such key.
    """
    known = set(ban_list.settings(layout)["own_keys"])
    for public in sorted(layout.ssh.glob("ssh_host_*_key.pub")):
        if " ".join(public.read_text().split()[:2]) in known:
            command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(public.with_suffix("")), "-n", NAMESPACE]
            return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    raise FileNotFoundError(f"none of the host keys in {layout.ssh} is the one that provisioning pinned")


def verify(layout: Layout, peer: str, signed: bytes) -> dict[str, Any]:
    """What a peer says.

    Raises: ValueError: not signed by its host key, not about it, or older than what it said last.
    """
    try:
        outer = json.loads(signed)
        text, signature = str(outer["text"]), str(outer["signature"])
    except (TypeError, KeyError, ValueError):
        raise ValueError("no signed file") from None
    with tempfile.NamedTemporaryFile("w", suffix=".sig") as file:
        file.write(signature)
        file.flush()
        who = ["-f", str(layout.ban_signers), "-I", peer, "-n", NAMESPACE, "-s", file.name]
        done = subprocess.run(
            ["ssh-keygen", "-q", "-Y", "verify", *who],
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise ValueError(f"its signature is not {peer}'s: {(done.stderr or done.stdout).strip()[-200:]}")
    said = json.loads(text)
    if not isinstance(said, dict):
        raise ValueError("it says nothing")
    last = durable.read_json(_file(layout, peer)) or {}
    if said.get("host") != peer or float(said["time"]) < float(last.get("time", 0)):
        raise ValueError("it is another host's, or older than what is known")
    return said


def ask(layout: Layout, peer: dict[str, str], known: bytes) -> bytes:
    """Fetch a peer's file, and keep what it says where that is new. Returns: the file.

    Raises: OSError, http.client.HTTPException: no answer. ValueError: not to be believed.
    """
    connection = http.client.HTTPConnection(peer["address"], 80, timeout=_TIMEOUT_SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", "/bans", headers={"Host": HOST, "Connection": "close"})
        answer = connection.getresponse()
        signed = answer.read(_MOST_BYTES)
    if answer.status != http.client.OK:
        raise OSError(f"it answers {answer.status}")
    if signed != known:
        said = verify(layout, peer["name"], signed)
        with mutex.held(layout.bans / "mutex", _MUTEX_SECONDS):
            durable.write_json(_file(layout, peer["name"]), said)
    return signed


def _ask_again_and_again(layout: Layout, peer: dict[str, str]) -> None:
    known, trouble = b"", Trouble(peer["name"])
    while True:
        with trouble.told():
            known = ask(layout, peer, known)
        time.sleep(PAUSE_SECONDS)


def _written(layout: Layout) -> list[tuple[str, int]]:
    """What our bans are made of, with when it was written: lists, and the directories of who is trusted."""
    trusted = (path for path in (layout.trusted, *layout.trusted.glob("*")) if path.is_dir())
    return [
        (str(path), path.stat().st_mtime_ns)
        for path in (*sorted(layout.bans.glob("*.json")), *sorted(trusted))
    ]


def _file(layout: Layout, peer: str) -> Path:
    return layout.bans / f"from-{peer}.json"
