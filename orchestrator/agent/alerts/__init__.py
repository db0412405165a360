"""Telling receivers about troubles of this host, by itself: once when one begins, once when it has ended."""
