"""Ansible action: render a role's templates on the controller, then apply everything on the host in one module call."""

from __future__ import annotations

import base64
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

if TYPE_CHECKING:
    from orchestrator.transport import ssh_proof

_GRACE_SECONDS = 5
"""How long after its time a host is asked again: its timer is exact to a second, a reload takes one (our choice)."""

_NEXT = "mend what the inventory asks for (docs/runbooks/locked-out.md), then"
_ON_CONTROLLER = ("template", "source", "secret")


class ActionModule(ActionBase):
    """The controller's half of vpsdeploy_apply; the module's documentation describes the options."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fill in each file's content and call the module."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        arguments["files"] = [
            self._ready(dict(spec), task_vars or {}) for spec in arguments.get("files") or []
        ]
        result.update(self._execute_module("vpsdeploy_apply", module_args=arguments, task_vars=task_vars))
        # The invocation repeats every file's whole content: in events and logs it would only be a leak.
        result.pop("invocation", None)
        armed = result.pop("guard_armed", None)
        if armed and not result.get("failed"):
            result.update(self._proven(armed, arguments["guard"], task_vars or {}))
        return result

    def _proven(
        self, armed: dict[str, Any], wish: dict[str, Any], task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        """Confirm a guarded change over fresh logins; what is said where that fails, and the host takes it back."""
        from orchestrator.transport import ssh_proof  # late: only where something was changed

        door = self._door(task_vars)
        since = time.monotonic()
        why = ssh_proof.failure(door, wish.get("users") or [], wish.get("confirm_as") or "", armed["confirm"])
        if not why:
            return {}
        return {"failed": True, "msg": why, **self._taken_back(door, armed, since, task_vars)}

    def _taken_back(
        self, door: ssh_proof.Door, armed: dict[str, Any], since: float, task_vars: dict[str, Any]
    ) -> dict[str, str]:
        """Ask for the way back over the connection that is open; where that fails too, wait for the host's timer."""
        from orchestrator.transport import ssh_proof

        guard = {"name": armed["name"], "take_back": "a fresh login failed"}
        try:
            answer = self._execute_module(
                "vpsdeploy_apply", module_args={"guard": guard}, task_vars=task_vars
            )
            asked = not answer.get("failed")
        except AnsibleConnectionFailure:
            asked = False
        if not asked:
            time.sleep(max(0.0, armed["seconds"] + _GRACE_SECONDS - (time.monotonic() - since)))
        how = "at once" if asked else f"by itself, after {armed['seconds']} s"
        if ssh_proof.enters(door):
            state = f"the host took the change back {how}: everything of it is as before, and logins work"
        elif asked:
            state = "the host took the change back at once, but fresh logins still fail: it was so before"
        else:
            state = f"no login works yet; the host takes the change back {how}, or when it is restarted"
        return {"vpsdeploy_state": state, "vpsdeploy_next": _NEXT}

    def _door(self, task_vars: dict[str, Any]) -> ssh_proof.Door:
        """The host as the open connection reached it."""
        from orchestrator.model.fleet import Host
        from orchestrator.transport import ssh_proof

        option = self._connection.get_option
        words = [option(name) or "" for name in ("ssh_args", "ssh_common_args", "ssh_extra_args")]
        key = option("private_key_file")
        host = Host(
            name=task_vars["inventory_hostname"], address=option("host"), port=int(option("port") or 22),
            user=option("remote_user") or "root", key_file=Path(key).expanduser() if key else None,
        )  # fmt: skip
        known = Path(task_vars["inventory_dir"]) / "known_hosts"
        return ssh_proof.Door(host, known, tuple(shlex.split(" ".join(words))))

    def _ready(self, spec: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """One file as the module takes it: content in, controller-only options out."""
        if spec.get("state", "file") != "file":
            return spec
        ready = {key: value for key, value in spec.items() if key not in _ON_CONTROLLER}
        if "source" in spec and spec.get("secret"):
            ready["secret_content"] = Path(self._find_needle("files", spec["source"])).read_text()
        elif "source" in spec:
            ready["binary_content"] = self._binary(spec["source"])
        else:
            content = ready.pop("content", None)
            text = content if content is not None else self._render(spec, task_vars)
            ready["secret_content" if spec.get("secret") else "content"] = text
        return ready

    def _binary(self, source: str) -> str:
        path = Path(self._find_needle("files", source))
        return base64.b64encode(path.read_bytes()).decode()

    def _render(self, spec: dict[str, Any], task_vars: dict[str, Any]) -> str:
        """Render as the builtin `template` action does: same trust, same includes, same whitespace rules.

        Source: ansible-core 2.19 to 2.21, plugins/action/template.py.
        """
        name = spec.get("template") or f"{spec['path'].lstrip('/')}.j2"
        source = self._find_needle("templates", name)
        text = trust_as_template(self._loader.get_text_file_contents(source))
        templar = self._templar.copy_with_new_env(
            searchpath=[str(Path(source).parent)], available_variables=task_vars
        )
        overrides = {"trim_blocks": True, "lstrip_blocks": True}
        rendered = templar.template(text, escape_backslashes=False, overrides=overrides)
        if not isinstance(rendered, str):
            raise AnsibleActionFail(f"{name}: rendered to {type(rendered).__name__}, not to text")
        return rendered
