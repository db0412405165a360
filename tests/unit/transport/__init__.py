"""Tests of orchestrator.transport."""
