"""MongoDB: its replica set, the app's user, its health, as what its shell is told and answers."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.agent import mongodb, programs
from orchestrator.agent.mongodb_scripts import MARK
from orchestrator.agent.programs import Finished
from tests.unit.agent.conftest import Host

PASSWORD = "correct-horse-battery-staple-0123456789abcd"
SETTINGS: dict[str, Any] = {
    "service": "mongodb", "app": "shop", "version": "8.0", "port": 27017, "database": "shop", "user": "shop",
    "connections": 320, "address": "127.0.0.1", "unit": "mongod.service", "certificate": "", "replica_set": "rs0",
    "settings": {"bindIp": "127.0.0.1", "maxIncomingConnections": 1010, "cacheSizeGB": 0.25},
}  # fmt: skip
ELSEWHERE = {"address": "2001:db8::5", "certificate": "/etc/mongodb/tls/2001-db8--5.crt"}


class Shell:
    """A shell that answers what it is told to, and remembers what it was given."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] = {"changed": []}
        self.broken = ""
        self.said = ""
        self.given: list[tuple[list[str], str]] = []

    def __call__(self, arguments: Sequence[str], text: str) -> Finished:
        """Stand in for mongosh."""
        self.given.append((list(arguments), text))
        if self.broken:
            return Finished(1, "", self.broken)
        return Finished(0, f"{self.said}{MARK}{json.dumps(self.answer)}\n", "")

    @property
    def wish(self) -> dict[str, Any]:
        """What the last script began with."""
        first = self.given[-1][1].splitlines()[0]
        found: dict[str, Any] = json.loads(first.removeprefix("const wish = ").removesuffix(";"))
        return found


@pytest.fixture(name="shell")
def _shell(bare: Host, monkeypatch: pytest.MonkeyPatch) -> Shell:
    made = Shell()
    monkeypatch.setattr(programs, "fed", made)
    bare.layout.services.mkdir(parents=True)
    describe(bare)
    return made


def describe(host: Host, **differs: Any) -> None:
    """As the role writes it down."""
    (host.layout.services / "mongodb.json").write_text(json.dumps(SETTINGS | differs))


def health(host: Host) -> dict[str, Any]:
    """What `status` is told of it."""
    (found,) = host.call("services")["services"]
    return dict(found)


TOLD = {
    "version": "8.0.16", "primary": True, "connections": 12, "data_bytes": 12288, "settings": SETTINGS["settings"]
}  # fmt: skip


def test_the_app_s_login_is_asked_for_on_standard_input(bare: Host, shell: Shell) -> None:
    """No argument, and nothing that the agent keeps, has its password."""
    shell.answer = {"changed": ["replica set rs0", "user shop"]}
    answer = bare.call("service", service="mongodb", password=PASSWORD)
    assert (answer["changed"], answer["certificate"]) == (["replica set rs0", "user shop"], "")
    assert (shell.wish["user"], shell.wish["word"], shell.wish["database"]) == ("shop", PASSWORD, "shop")
    assert shell.wish["server"] == "127.0.0.1:27017"
    assert PASSWORD not in json.dumps([words for words, _ in shell.given])
    kept = [path for path in bare.layout.root.rglob("*") if path.is_file()]
    assert not [path for path in kept if PASSWORD in path.read_text(errors="replace")]
    assert (bare.layout.service_marks / "mongodb").exists()


def test_nothing_of_the_shell_s_own_is_kept_in_a_home(bare: Host, shell: Shell) -> None:
    """It connects nowhere before the script does, reads no file of root's and writes into none that stays."""
    bare.call("services")
    words = shell.given[0][0]
    assert words[:2] == ["env", f"HOME={bare.layout.run}"]
    assert {"--nodb", "--norc"} < set(words)


def test_the_administrator_is_root_s_alone_and_stays_the_same(bare: Host, shell: Shell) -> None:
    """Made the first time; the server is told of it while it knows nobody."""
    for _ in range(2):
        bare.call("service", service="mongodb", password=PASSWORD)
    file = bare.layout.services / "mongodb.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert f"MONGODB_PASSWORD={shell.wish['adminWord']}\n" in file.read_text()
    assert len({json.loads(text.splitlines()[0][13:-1])["adminWord"] for _, text in shell.given}) == 1


def test_its_own_tools_are_told_where_to_log_in(bare: Host, shell: Shell) -> None:
    """In a file of root's, which mongodump and mongorestore take: no argument has the password."""
    bare.call("service", service="mongodb", password=PASSWORD)
    file = bare.layout.services / "mongodb.yml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    login = f"vpsdeploy:{shell.wish['adminWord']}@127.0.0.1:27017"
    assert file.read_text() == f"uri: mongodb://{login}/?authSource=admin&directConnection=true\n"


def test_health_is_what_the_server_says(bare: Host, shell: Shell) -> None:
    """Whatever else the shell prints before."""
    shell.answer, shell.said = TOLD, "Warning: something\n"
    found = health(bare)
    assert (found["running"], found["version"], found["connections"]) == (True, "8.0.16", 12)
    assert (found["connections_max"], found["data_bytes"], found["waits"]) == (320, 12288, [])


def test_settings_that_differ_wait_for_a_restart(bare: Host, shell: Shell) -> None:
    """The file says one thing, the running server another."""
    shell.answer = {**TOLD, "settings": {**SETTINGS["settings"], "cacheSizeGB": 0.5}}
    assert health(bare)["waits"] == ["cacheSizeGB"]


def test_a_server_that_takes_no_writes_does_not_run(bare: Host, shell: Shell) -> None:
    """It answers, and serves nobody."""
    shell.answer = {**TOLD, "primary": False}
    found = health(bare)
    assert not found["running"]
    assert "it is not the primary of its replica set" in found["why"]


@pytest.mark.parametrize("errors", ["MongoNetworkError: connect ECONNREFUSED 127.0.0.1:27017", ""])
def test_a_server_that_does_not_answer_is_told_in_its_words(bare: Host, shell: Shell, errors: str) -> None:
    """Or that there were none."""
    shell.broken = errors or "\n"
    assert (errors or "it said nothing") in health(bare)["why"]


def test_no_error_shows_a_password(bare: Host, shell: Shell) -> None:
    """Whatever the shell repeats of what it was given."""
    bare.call("services")
    admin = shell.wish["adminWord"]
    shell.broken = f"MongoParseError: mongodb://vpsdeploy:{admin}@127.0.0.1"
    answers = [bare.call("services")]
    shell.broken += f" and shop:{PASSWORD}"
    answers.append(bare.call("service", service="mongodb", password=PASSWORD))
    assert "[redacted]" in json.dumps(answers)
    assert PASSWORD not in json.dumps(answers)
    assert admin not in json.dumps(answers)


def test_where_it_is_reached_from_elsewhere_it_is_asked_by_tls(bare: Host, shell: Shell) -> None:
    """From loopback, where alone it takes its first user, and knowing whom it talks to."""
    describe(bare, **ELSEWHERE)
    bare.call("services")
    assert shell.wish["tls"] == "&tls=true&tlsCAFile=/etc/mongodb/tls/2001-db8--5.crt"
    assert shell.wish["server"] == "127.0.0.1:27017"


def test_the_console_gets_its_address_from_the_environment() -> None:
    """An argument everybody could read; an IPv6 address stands in brackets."""
    command, environment = mongodb.client({**SETTINGS, **ELSEWHERE}, "a/b")
    assert "a/b" not in " ".join(command)
    assert environment["MONGODB_URI"] == (
        "mongodb://shop:a%2Fb@[2001:db8::5]:27017/shop?directConnection=true"
        "&tls=true&tlsCAFile=/etc/mongodb/tls/2001-db8--5.crt"
    )
