"""Tests of orchestrator.facts."""
