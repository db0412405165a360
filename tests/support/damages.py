"""What somebody may do to a provisioned host that its audit finds and provisioning puts right."""

from __future__ import annotations

DAMAGES = {
    3: {
        "echo >> /etc/nginx/nginx.conf": "/etc/nginx/nginx.conf",
        "chmod 0644 /etc/sudoers.d/vpsdeploy": "/etc/sudoers.d/vpsdeploy",
        "systemctl disable -q vpsdeploy-boot.service": "vpsdeploy-boot.service: enable",
    },
    2: {
        "systemctl stop nginx.service": "nginx.service: start",
        "apt-get remove -qy less >/dev/null": "packages less",
        "rm -r /opt/node/*": "/opt/node/v",
    },
}
"""By how many tasks put it right: what is done to a host, and what it says of it."""
