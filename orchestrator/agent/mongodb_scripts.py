"""What MongoDB's shell is told: JavaScript, with what is wished for as JSON in front of it.

None of it has been run against a real MongoDB: docs/mongodb.md says what was.
"""

from __future__ import annotations

MARK = "vpsdeploy-answer "
"""Begins the line with the answer: the shell may say more."""

_COMMON = """
const REFUSED = 18; // AuthenticationFailed
function at(user, word, base) {
  const login = user ? user + ":" + encodeURIComponent(word) + "@" : "";
  const wait = "&serverSelectionTimeoutMS=" + wish.waitMs;
  return "mongodb://" + login + wish.server + "/" + base + "?directConnection=true" + wait + wish.tls;
}
function answer(found) { print(wish.mark + JSON.stringify(found)); }
"""

# Source: mongodb.com/docs/manual/core/localhost-exception: from loopback, while there is no user, anybody may initiate
# the replica set and, once it has a primary, make the first user; nothing else, and not afterwards.
ENSURE = (
    _COMMON
    + """
const changed = [];
const end = Date.now() + wish.startMs;
let anyone = null;
while (anyone === null) {
  try {
    anyone = connect(at("", "", "admin"));
  } catch (error) {
    if (Date.now() > end) throw error;
    sleep(500);
  }
}
if (!anyone.runCommand({ hello: 1 }).setName) {
  const only = { _id: 0, host: "127.0.0.1:" + wish.port };
  anyone.adminCommand({ replSetInitiate: { _id: wish.set, members: [only] } });
  changed.push("replica set " + wish.set);
}
while (!anyone.runCommand({ hello: 1 }).isWritablePrimary) {
  if (Date.now() > end) throw new Error("it does not become the primary of its replica set");
  sleep(200);
}

let admin = null;
try {
  admin = connect(at(wish.admin, wish.adminWord, "admin"));
} catch (error) {
  if (error.code !== REFUSED) throw error;
}
if (admin === null) {
  const all = { createUser: wish.admin, pwd: wish.adminWord, roles: ["root"], mechanisms: ["SCRAM-SHA-256"] };
  anyone.runCommand(all);
  admin = connect(at(wish.admin, wish.adminWord, "admin"));
}

const base = admin.getSiblingDB(wish.database);
const may = ["dbAdmin", "readWrite"];
const roles = [{ role: may[0], db: wish.database }, { role: may[1], db: wish.database }];
const found = base.runCommand({ usersInfo: wish.user }).users[0];
const what = { pwd: wish.word, roles: roles, mechanisms: ["SCRAM-SHA-256"] };
if (!found) {
  base.runCommand(Object.assign({ createUser: wish.user }, what));
  changed.push("user " + wish.user);
} else {
  const has = found.roles.map((one) => one.db + "." + one.role).sort().join();
  let fits = has === roles.map((one) => one.db + "." + one.role).sort().join();
  try {
    connect(at(wish.user, wish.word, wish.database));
  } catch (error) {
    if (error.code !== REFUSED) throw error;
    fits = false;
  }
  if (!fits) {
    base.runCommand(Object.assign({ updateUser: wish.user }, what));
    changed.push("user " + wish.user);
  }
}
answer({ changed: changed });
"""
)

# Source: mongodb.com/docs/manual: serverStatus, dbStats, getCmdLineOpts, $currentOp (idleConnections).
HEALTH = (
    _COMMON
    + """
const admin = connect(at(wish.admin, wish.adminWord, "admin"));
const hello = admin.runCommand({ hello: 1 });
const stats = admin.getSiblingDB(wish.database).runCommand({ dbStats: 1 });
const everybody = { $currentOp: { allUsers: true, idleConnections: true } };
const ours = { $match: { "effectiveUsers.user": wish.user } };
const open = admin.aggregate([everybody, ours, { $count: "open" }]).toArray();
const told = admin.adminCommand({ getCmdLineOpts: 1 }).parsed;
answer({
  version: admin.runCommand({ buildInfo: 1 }).version,
  primary: hello.isWritablePrimary === true,
  connections: open.length ? Number(open[0].open) : 0,
  data_bytes: Number(stats.storageSize) + Number(stats.indexSize),
  settings: {
    bindIp: told.net.bindIp,
    maxIncomingConnections: Number(told.net.maxIncomingConnections),
    cacheSizeGB: Number(told.storage.wiredTiger.engineConfig.cacheSizeGB),
  },
});
"""
)
