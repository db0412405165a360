"""vpsdeploy: provision Debian hosts with Ansible and release NestJS apps onto them."""

__version__ = "0.1.0"
