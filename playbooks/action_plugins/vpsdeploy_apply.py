"""Ansible action: render a role's templates on the controller, then apply everything on the host in one module call."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

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
        return result

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
