#!/usr/bin/python
"""Ansible module: the app's certificate, asked for by the host's own agent."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: vpsdeploy_certificate
short_description: Have the app's certificate issued
description:
  - Asks the agent, which asks the certificate authority where the certificate is missing, for other names or due.
  - A certificate authority that does not answer, refuses, or is asked too often is no failure, and neither is a name
    that does not point to the host yet. The old certificate, or HTTP, goes on; I(notices) say so, a timer tries again.
options:
  app: {description: The app's name., type: str, required: true}
author: vpsdeploy
"""

AGENT = "/usr/local/bin/vpsdeploy-agent"
TIMEOUT_SECONDS = 420
"""More than the agent gives certbot."""


def ask(app: str) -> dict[str, Any]:
    """The agent's last line."""
    request = {"protocol": 1, "app": app, "by": "provision host"}
    done = subprocess.run(
        [AGENT, "certificate"], input=json.dumps(request) + "\n", capture_output=True, text=True,
        timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    if not lines:
        return {"event": "error", "what": "the agent said nothing", "why": done.stderr.strip()}
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def main() -> None:
    """Ansible's entry."""
    module = AnsibleModule(argument_spec={"app": {"type": "str", "required": True}}, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=False)
    try:
        answer = ask(module.params["app"])
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        module.fail_json(msg=f"the agent could not be asked for the certificate: {error}")
    if answer["event"] != "result":
        module.fail_json(msg=": ".join(str(answer[key]) for key in ("what", "why") if answer.get(key)))
    changes = [f"certificate for {', '.join(answer['names'])}"] if answer["changed"] else []
    module.exit_json(changed=answer["changed"], changes=changes, notices=answer["notices"])


if __name__ == "__main__":
    main()
