"""vpsdeploy sandbox up | status | down: local VPSes."""

def register(app): ...

