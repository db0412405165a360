"""Tests of what the benchmarks count and compute; none of them asserts a time."""
