"""What our own Ansible modules share. Runs on the host: standard library only, Python 3.11 or newer."""
