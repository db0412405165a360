"""What provisioning tells people and programs."""

from __future__ import annotations

from orchestrator.model.provision import Change, HostCounts, HostResult, ProvisionResult, TaskFailure
from orchestrator.report import provision as report

GOOD = HostResult("web-1", HostCounts(ok=12, changed=2), 9, 3.21, (Change("Files", ("/etc/a",), "-x\n+y"),))
BAD = HostResult("web-10", HostCounts(ok=1, failed=1), 2, 1.0)


def result(
    *hosts: HostResult, check: bool = False, failures: tuple[TaskFailure, ...] = ()
) -> ProvisionResult:
    """A result of the stage production."""
    return ProvisionResult("production", hosts, check, 4.5678, failures)


def test_the_summary_is_a_table() -> None:
    """Hosts are left, numbers right, and one line says what is true now."""
    assert report.text(result(GOOD)) == (
        "host   ok  changed  failed  unreachable  seconds\n"
        "web-1  12        2       0            0      3.2\n"
        "\n"
        "2 tasks changed something"
    )


def test_nothing_to_change() -> None:
    """A second run says so."""
    assert report.text(result(HostResult("web-1", HostCounts(ok=12), 9, 3.0))).endswith(
        "nothing had to be changed"
    )


def test_a_rehearsal_shows_diffs_and_says_that_nothing_was_changed() -> None:
    """The diff comes before the table."""
    shown = report.text(result(GOOD, check=True)).splitlines()
    assert shown[:4] == ["web-1: Files", "    -x", "    +y", ""]
    assert shown[-1] == "nothing was changed: 2 tasks would change something"


def test_a_change_without_a_diff_names_its_files() -> None:
    """Where a task shows no diff, its names are better than nothing."""
    host = HostResult("web-1", HostCounts(changed=1), 1, 1.0, (Change("Secret", ("/etc/s",)),))
    assert report.text(result(host, check=True)).splitlines()[:3] == ["web-1: Secret", "    /etc/s", ""]


def test_a_good_result_has_no_failure() -> None:
    """No failure, no error."""
    assert report.failure(result(GOOD)) is None


def test_the_first_failure_in_full() -> None:
    """Host, task, cause, what is done, and what to type."""
    failure = TaskFailure("web-10", "Install the packages", "E: no space left\nE: sorry")
    assert str(report.failure(result(GOOD, BAD, failures=(failure,)))) == (
        "error: provisioning failed on web-10 (production)\n"
        "step:  Install the packages\n"
        "why:   E: no space left\n"
        "       E: sorry\n"
        "state: what was done before the failure stays, and running it again is safe; complete: web-1\n"
        "next:  put that right, then: vpsdeploy provision host web-10 --stage production"
    )


def test_several_failures() -> None:
    """The number of failed hosts is told, the next command names them all."""
    failures = tuple(TaskFailure(name, "T", "x") for name in ("web-10", "web-1"))
    error = report.failure(result(GOOD, BAD, failures=failures))
    assert error
    assert error.what == "provisioning failed on 2 of 2 hosts, first"
    assert error.next.endswith("vpsdeploy provision host web-10 web-1 --stage production")


def test_a_host_that_was_refused_beforehand_is_as_it_was() -> None:
    """The preflight says so; beside a host that failed later it is not said of both."""
    refused, later = TaskFailure("web-10", "Check", "x", report.UNTOUCHED), TaskFailure("web-2", "T", "x")
    alone = report.failure(result(GOOD, BAD, failures=(refused,)))
    beside = report.failure(result(BAD, failures=(refused, later)))
    assert alone is not None
    assert beside is not None
    assert alone.state == "nothing was changed on web-10; complete: web-1"
    assert beside.state.startswith("what was done before the failure stays")


def test_a_failed_rehearsal_changed_nothing() -> None:
    """Check mode's state is that nothing was changed."""
    error = report.failure(result(BAD, check=True, failures=(TaskFailure("web-10", "T", "x"),)))
    assert error
    assert error.state == "nothing was changed: this was a rehearsal"


def test_the_fields_for_programs() -> None:
    """Every field of the schema."""
    assert report.fields(result(GOOD)) == {
        "stage": "production", "check": False, "seconds": 4.568, "services": [],
        "hosts": [{
            "name": "web-1", "ok": 12, "changed": 2, "failed": 0, "unreachable": 0, "module_calls": 9, "seconds": 3.21,
            "audited": False, "notices": [], "withheld": [],
            "changes": [{"task": "Files", "items": ["/etc/a"], "diff": "-x\n+y"}],
        }],
    }  # fmt: skip


def test_hosts_that_needed_no_ansible() -> None:
    """The last line says why nothing was run, and how to run it all the same."""
    audited = HostResult("web-1", HostCounts(), 0, 0.5, audited=True)
    assert report.text(result(audited)).endswith(
        "nothing had to be changed; each host was audited against its last run (--full runs Ansible all the same)"
    )
    assert report.text(result(audited, HostResult("web-2", HostCounts(ok=12), 9, 3.0))).endswith(
        "\nnothing had to be changed"
    )


def test_what_is_written_and_not_in_force_is_told_once_for_all_hosts() -> None:
    """A container has its machine's kernel; that the settings are on its disk changes nothing there."""
    contained = [
        HostResult(name, HostCounts(ok=3), 3, 1.0, withheld=("fs.a", "kernel.b")) for name in ("a", "b")
    ]
    shown = report.text(result(*contained, GOOD))
    assert (
        "a, b have no say in 2 settings of the kernel (a container): not in force\n    fs.a kernel.b\n"
        in shown
    )
    assert "no say" not in report.text(result(GOOD))


def test_a_guarded_change_says_itself_what_became_of_it() -> None:
    """What the task says comes first, then what is true of any failed run."""
    failed = TaskFailure(
        "web-10", "Apply sshd", "a fresh login failed", "it was taken back", "mend the inventory"
    )
    error = report.failure(result(BAD, failures=(failed,)))
    assert error is not None
    assert error.state.startswith("it was taken back; what was done before the failure stays")
    assert error.next == "mend the inventory: vpsdeploy provision host web-10 --stage production"
