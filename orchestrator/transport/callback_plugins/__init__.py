"""Plugins that run inside Ansible's own process; found by path, imported by nothing here."""
