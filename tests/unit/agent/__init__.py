"""Tests of the agent: a host in a temporary directory."""
