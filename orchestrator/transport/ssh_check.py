    )  # fmt: skip


def _no_privilege(stage: Stage, host: Host, answer: subprocess.CompletedProcess[str]) -> VpsdeployError:
    where, said = f"{host.name} ({stage.name})", _last(answer.stderr)
    if answer.returncode == _NO_PYTHON:
        return HostNotReady(
            "Python is missing", host=where, why="/usr/bin/python3 is not there, and Ansible needs it",
            state=_UNTOUCHED,
            next=f"{_login(host)} {'sudo ' if host.user != 'root' else ''}apt-get install --yes python3",
        )  # fmt: skip
    if "password is required" in answer.stderr or "terminal is required" in answer.stderr:
        return HostUnreachable(
            "sudo needs a password", host=where, why=said, state=_UNTOUCHED,
            next="as root on the host: "
            f"echo '{host.user} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/{host.user}\n"
            "or let Ansible log in as root: ansible_user: root in the inventory",
