"""vpsdeploy sandbox up | status | down: local VPSes."""
