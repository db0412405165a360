"""Faults on a fleet of two load balancers and three app hosts, each at an exact step of a release (docs/drills.md)."""
