"""Tests of orchestrator.workflows."""
