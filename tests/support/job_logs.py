"""A worker and a cron entry that write down what they do, and what may be read there."""

from __future__ import annotations

from tests.support.vps import Project
from tests.support.waiting import until

BUCKET_SECONDS = 5
_IN_TIME_SECONDS = 120
"""Within which some run begins in time, whatever else the machine does: only then is none lacking."""

WORKER = """
const fs = require('node:fs');
const say = (...words) => fs.appendFileSync(`work/${process.argv[2] || 'single'}.log`,
  [Date.now(), process.pid, 'TEXT', ...words].join(' ') + '\\n');
let stopping = false;
process.on('SIGTERM', () => { stopping = true; });
CRASH
say('start');
const job = () => {
  say('begin');
  setTimeout(() => {
    say('end');
    if (stopping) { say('stop'); process.exit(0); }
    job();
  }, Number(process.env.JOB_MS || 200));
};
job();
"""

# A shell, since Node may take longer than a tick to start on a busy machine.
TICK = 'echo "$(date +%s%3N) TEXT $VPSDEPLOY_RELEASE" >>work/tick.log'


def log(project: Project, name: str, host: str = "web-1") -> list[list[str]]:
    """The words of each line that jobs of every release wrote on a host."""
    text = project.on(host, "sh", "-c", f"cat /srv/shop/shared/work/{name}.log 2>/dev/null || true")
    return [line.split() for line in text.splitlines()]


def assert_one_at_a_time(project: Project) -> None:
    """No process of `single` began before the one before it had stopped, and none lost the job in hand."""
    words = sorted(log(project, "single") + log(project, "single", "web-2"), key=lambda line: int(line[0]))
    running: set[str] = set()
    for _, pid, text, what in words:
        if what == "start":
            assert not running, f"{text} started beside {running}"
            running.add(f"{pid} {text}")
        if what == "stop":
            running.remove(f"{pid} {text}")


def buckets(project: Project) -> list[int]:
    """The tick in which each run of `tick` began, over both hosts: its own, or on a busy machine the next one."""
    lines = log(project, "tick") + log(project, "tick", "web-2")
    return sorted(int(line[0]) // (BUCKET_SECONDS * 1000) for line in lines)


def assert_none_twice(seen: list[int]) -> None:
    """Never more runs than ticks were due. A run that began late leaves its own tick empty; one too many does not."""
    assert [n for n, began in enumerate(seen) if began - seen[0] < n] == [], f"a tick came twice: {seen}"


def assert_each_tick_once(project: Project, since: int) -> None:
    """From a tick on until now, none came twice and none is lacking: sooner or later a run is in time again."""

    def seen() -> list[int]:
        return [one for one in buckets(project) if one >= since]

    until(lambda: seen()[-1] - since < len(seen()), _IN_TIME_SECONDS)
    assert_none_twice(seen())
