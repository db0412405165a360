"""Tests of orchestrator/sandbox."""
