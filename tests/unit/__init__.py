"""Tests without hosts."""
