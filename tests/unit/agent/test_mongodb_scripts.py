"""What MongoDB's shell is told, carried out by Node against a server of a few lines."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import pytest

from orchestrator.agent.mongodb_scripts import ENSURE, HEALTH, MARK

SERVER = """
const state = JSON.parse(process.env.STATE), log = [];
const failed = (code, text) => Object.assign(new Error(text), { code });
function connect(url) {
  const at = new URL(url), base = at.pathname.slice(1), login = at.username ? base + "." + at.username : "";
  if (state.silent-- > 0) throw failed(undefined, "connect ECONNREFUSED");
  const known = state.users[login];
  if (login && !(known && known.pwd === decodeURIComponent(at.password))) throw failed(18, "Authentication failed.");
  return database(base, login);
}
function database(name, login) {
  const run = (base, command) => {
    const verb = Object.keys(command)[0];
    if (verb !== "hello") log.push([login, base, verb]);
    return verbs[verb](command, base, login);
  };
  return {
    runCommand: (command) => run(name, command), adminCommand: (command) => run("admin", command),
    getSiblingDB: (other) => database(other, login),
    aggregate: (stages) => ({ toArray: () => run(name, { aggregate: 1, stages }) }),
  };
}
function may(login) {
  if (login !== "admin.vpsdeploy" && Object.keys(state.users).length) throw failed(13, "requires authentication");
}
const put = (user, command) => { state.users[user] = { pwd: command.pwd, roles: command.roles }; return { ok: 1 }; };
const verbs = {
  hello: () => state.initiated ? { setName: "rs0", isWritablePrimary: state.electing-- <= 0 } : { ok: 1 },
  replSetInitiate: (command, base, login) => {
    may(login);
    state.initiated = true;
    state.set = command.replSetInitiate;
  },
  createUser: (command, base, login) => { may(login); return put(base + "." + command.createUser, command); },
  updateUser: (command, base, login) => { may(login); return put(base + "." + command.updateUser, command); },
  usersInfo: (command, base, login) => {
    may(login);
    const found = state.users[base + "." + command.usersInfo];
    return { users: found ? [{ roles: found.roles }] : [] };
  },
  dbStats: () => ({ storageSize: 4096, indexSize: 8192 }),
  aggregate: (command) => command.stages[1].$match["effectiveUsers.user"] === "shop" ? state.open : [],
  getCmdLineOpts: () => ({ parsed: {
    net: { bindIp: "127.0.0.1", maxIncomingConnections: 1010 },
    storage: { wiredTiger: { engineConfig: { cacheSizeGB: 0.25 } } },
  } }),
  buildInfo: () => ({ version: "8.0.16" }),
};
function sleep() {}
function print(text) { console.log(text); }
process.on("exit", () => console.error(JSON.stringify({ state, log })));
"""

ROLES = [{"role": "dbAdmin", "db": "shop"}, {"role": "readWrite", "db": "shop"}]
ADMIN: dict[str, dict[str, Any]] = {"admin.vpsdeploy": {"pwd": "admin-word", "roles": ["root"]}}
WHOLE: dict[str, dict[str, Any]] = {**ADMIN, "shop.shop": {"pwd": "app/word", "roles": ROLES}}
WISH = {
    "mark": MARK, "server": "127.0.0.1:27017", "port": 27017, "tls": "", "waitMs": 1, "startMs": 60_000, "set": "rs0",
    "database": "shop", "admin": "vpsdeploy", "adminWord": "admin-word", "user": "shop", "word": "app/word",
}  # fmt: skip


class Done:
    """What came of a script: its answer or error, and what the server is like then."""

    def __init__(self, script: str, **state: Any) -> None:
        before = {"users": {}, "initiated": False, "silent": 0, "electing": 0, "open": [], **state}
        done = subprocess.run(
            ["node", "-"], input=f"{SERVER}\n{{ const wish = {json.dumps(WISH)};\n{script} }}", text=True,
            env={"STATE": json.dumps(before), "PATH": os.environ["PATH"]}, capture_output=True, check=False,
        )  # fmt: skip
        lines = done.stderr.splitlines()
        after = json.loads(next(line for line in lines if line.startswith('{"state"')))
        self.code, self.errors = done.returncode, done.stderr
        self.users, self.log = after["state"]["users"], after["log"]
        self.set = after["state"].get("set")
        told = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
        self.answer = json.loads(told[-1].removeprefix(MARK)) if told else None


def test_an_empty_server_becomes_a_replica_set_with_an_administrator_and_the_app() -> None:
    """In the order that a server allows without a login: the set, its primary, the first user."""
    done = Done(ENSURE, silent=2, electing=3)
    assert done.answer == {"changed": ["replica set rs0", "user shop"]}
    assert done.set == {"_id": "rs0", "members": [{"_id": 0, "host": "127.0.0.1:27017"}]}
    assert done.users == WHOLE
    assert [line[:1] + line[2:] for line in done.log] == [
        ["", "replSetInitiate"], ["", "createUser"], ["admin.vpsdeploy", "usersInfo"], ["admin.vpsdeploy", "createUser"]
    ]  # fmt: skip


def test_what_is_so_already_changes_nothing() -> None:
    """One question about the app's user, and its login."""
    done = Done(ENSURE, initiated=True, users=WHOLE)
    assert done.answer == {"changed": []}
    assert done.log == [["admin.vpsdeploy", "shop", "usersInfo"]]


@pytest.mark.parametrize("begun", [{}, ADMIN])
def test_it_goes_on_where_it_broke_off(begun: dict[str, Any]) -> None:
    """After the set was made, or the administrator."""
    done = Done(ENSURE, initiated=True, users=begun)
    assert (done.answer, done.users) == ({"changed": ["user shop"]}, WHOLE)


@pytest.mark.parametrize(
    "differs", [{"pwd": "other"}, {"roles": ROLES[:1]}, {"roles": [*ROLES, {"role": "dbOwner", "db": "x"}]}]
)
def test_another_password_or_other_rights_are_put_right(differs: dict[str, Any]) -> None:
    """What the repository says is right."""
    users = {**ADMIN, "shop.shop": {**WHOLE["shop.shop"], **differs}}
    done = Done(ENSURE, initiated=True, users=users)
    assert (done.answer, done.users) == ({"changed": ["user shop"]}, WHOLE)


def test_an_administrator_of_somebody_else_s_is_not_replaced() -> None:
    """The server knows users, and none is ours: it refuses, and so do we."""
    done = Done(ENSURE, initiated=True, users={"admin.root": {"pwd": "theirs", "roles": ["root"]}})
    assert (done.answer, done.code) == (None, 1)
    assert "requires authentication" in done.errors


@pytest.mark.parametrize(("found", "count"), [([], 0), ([{"open": 7}], 7)])
def test_health_is_one_answer(found: list[dict[str, int]], count: int) -> None:
    """With the app's own connections, which nobody else's are counted among."""
    done = Done(HEALTH, initiated=True, users=WHOLE, open=found)
    assert done.answer == {
        "version": "8.0.16", "primary": True, "connections": count, "data_bytes": 12288,
        "settings": {"bindIp": "127.0.0.1", "maxIncomingConnections": 1010, "cacheSizeGB": 0.25},
    }  # fmt: skip
