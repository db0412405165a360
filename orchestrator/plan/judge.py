"""Whether a new pool does worse than the old one. Pure; docs/watch.md says why the thresholds are what they are.

A share (of failed, of slow requests) is worse where three things hold: there are enough of them to speak of, the
share is higher by more than what nobody would notice, and chance would hardly bring it about. The last is the upper
tail of the beta-binomial distribution: what the old pool did says how many of n new requests would fail, with all the
doubt that a short look leaves; where there was no old request, a prior stands in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.model.traffic import Compared, Look, Seen, Tally

CHANCE = 1e-4
"""Most that chance may explain: at 10 looks and 4 comparisons, a false alarm in 250 releases at the very most."""

SILENT_SECONDS = 5.0
"""The probe asks 50 times a second: so long without one good answer is an outage, however slow the app is."""

UNHEALTHY_LOOKS = 2
"""One health answer may be late for a reason of its own."""

LEAST_COMPARED = 50
"""Old requests from which on their latency is something to compare with (count)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a share is worse.

    Attributes:
        least: Fewest bad requests that count (count).
        margin: Least rise of the share.
        prior: What is expected of a pool that nothing is known about: so many bad of so many requests. It counts
            less with each request that was seen, and no more from a tenth as many on.
    """

    least: int
    margin: float
    prior: tuple[float, float]


FAILED = Rule(least=5, margin=0.005, prior=(1, 100))
SLOW = Rule(least=10, margin=0.10, prior=(1, 20))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a release is bad: one finding with its evidence.

    Attributes:
        host: Where; empty where it is not one host's.
        text: What was measured, before and after.
    """

    host: str
    text: str


def reasons(seen: Seen) -> tuple[Reason, ...]:
    """Everything that speaks against the new pool; empty where nothing does."""
    groups = ((seen.users, "requests"), (seen.probe, "requests of the probe"))
    found = [_instance(look) for look in seen.looks]
    found += [_silent(address, seconds) for address, seconds in sorted(seen.silent_seconds.items())]
    found += [judged(compared, words) for compared, words in groups for judged in (_failed, _slow)]
    return tuple(reason for reason in found if reason)


def is_in_doubt(seen: Seen) -> bool:
    """Whether one more look has to tell: an instance was unhealthy in the last one, and not yet for long enough."""
    return any(0 < look.looks < UNHEALTHY_LOOKS for look in seen.looks)


def _instance(look: Look) -> Reason | None:
    if not look.runs:
        how = f"{look.name} ended or was started anew ({look.state}, {look.restarts} restarts)"
        return Reason(look.host, f"{how}: {look.why}".rstrip(": "))
    if look.looks >= UNHEALTHY_LOOKS:
        return Reason(look.host, f"{look.name} is not healthy any more: {look.unhealthy}")
    return None


def _silent(address: str, seconds: float) -> Reason | None:
    if seconds < SILENT_SECONDS:
        return None
    return Reason("", f"the load balancer at {address} has not answered well for {seconds:.0f} s")


def _failed(compared: Compared, words: str) -> Reason | None:
    before, after = compared.before, compared.after
    if not is_worse(FAILED, (before.failed, before.requests), (after.failed, after.requests)):
        return None
    text = f"{_part(after.failed, after.requests)} {words} to the new instances failed (before: {_before(before)})"
    return Reason("", "\n".join([text, *_where(after), *(f"  {one}" for one in after.failures)]))


def _slow(compared: Compared, words: str) -> Reason | None:
    before, warm = compared.before, compared.warm
    if before.timed < LEAST_COMPARED:
        return None
    usual = before.quantile_ms(0.95)
    limit = max(2 * usual, usual + 200)
    slow, slow_before = warm.slower_than(limit), before.slower_than(limit)
    if not is_worse(SLOW, (slow_before, before.timed), (slow, warm.timed)):
        return None
    return Reason(
        "",
        f"{_part(slow, warm.timed)} {words} to the new instances took more than {limit:.0f} ms "
        f"(before: {_part(slow_before, before.timed)}); p95 {warm.quantile_ms(0.95):g} ms (before: {usual:g} ms)",
    )


def is_worse(rule: Rule, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a share has risen for a reason.

    Args:
        rule: What counts.
        before: Bad requests and all requests of the old pool.
        after: The same of the new one.
    """
    bad, total = after
    if bad < rule.least or bad / total < _tolerated(rule, *before):
        return False
    return chance(rule.prior, before, after) < CHANCE


def _tolerated(rule: Rule, bad: int, total: int) -> float:
    """The share that the new pool must reach to be worse: a share that was high already may rise by half of itself."""
    share = bad / total if total else 0.0
    return share + max(rule.margin, share / 2)


def chance(prior: tuple[float, float], before: tuple[int, int], after: tuple[int, int]) -> float:
    """How likely a pool that does as the old one did has as many bad requests as the new one, or more.

    The upper tail of the beta-binomial distribution, summed until what is left does not count any more.
    Source: Gelman et al., Bayesian Data Analysis, 3rd edition, section 2.4 (predictive distribution of a binomial).
    """
    (bad, total), n = after, after[1]
    a = prior[0] + before[0]
    b = before[1] - before[0] + max(0.5, prior[1] - prior[0] - 10 * before[1])
    if bad == 0:
        return 1.0
    term = math.exp(
        math.lgamma(n + 1) - math.lgamma(bad + 1) - math.lgamma(n - bad + 1)
        + math.lgamma(a + bad) + math.lgamma(b + n - bad) - math.lgamma(a + b + n)
        + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    )  # fmt: skip
    tail = term
    for x in range(bad, total):
        term *= (n - x) / (x + 1) * (a + x) / (b + n - x - 1)
        tail += term
        if term < tail * 1e-9:
            break
    return min(1.0, tail)


def _where(after: Tally) -> list[str]:
    """The instances that failed, worst first."""
    failing = sorted(
        ((failed, total, name) for name, (total, failed) in after.upstreams.items() if failed), reverse=True
    )
    return [f"  {name}: {failed} of {total}" for failed, total, name in failing[:5]]


def _part(count: int, total: int) -> str:
    return f"{count} of {total} ({100 * count / total:.3g} %)" if total else "none"


def _before(before: Tally) -> str:
    return _part(before.failed, before.requests) if before.requests else "no requests"
