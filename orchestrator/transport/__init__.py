"""The only importers of drivers: ansible-runner, Fabric and paramiko, HTTP, programs of this machine."""
