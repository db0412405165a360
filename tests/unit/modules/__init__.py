"""Our own Ansible modules, away from any host."""
