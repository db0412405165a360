"""Tests of orchestrator.project."""
