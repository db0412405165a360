"""Contracts: documents and code say the same."""
