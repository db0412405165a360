"""Makes `ansible.module_utils.vpsdeploy` importable, as Ansible itself does it for the modules."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[3] / "playbooks/module_utils"))
