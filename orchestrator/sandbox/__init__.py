"""Sandbox: real VPSes on your own machine, as podman containers that run systemd and sshd.

    lifecycle   up, status, down: the order of things and the locks
    planning    what a sandbox should consist of
    machine     the ground under all of them: our podman, and its removal
    hosts       one container: create, boot, host keys, login
    image       the Debian image: key, build
    podman      every podman call, with storage and networks of our own
    namespace   the private mount namespace for machines with the hybrid cgroup layout
    network     a free subnet, addresses
    inventory   the stage's files
    controller  what the hosts take over from this machine: CAs, mirrors, registry
    apt_sources parsing of apt's sources
    state       where things are kept, locks
    record      what was made, written down first
    requirements  what this machine must have
    process     starting programs

Nothing that is not recorded or labelled by us is ever touched: podman runs on a storage and a network directory of
our own, so that the user's containers are not even listed.
"""
