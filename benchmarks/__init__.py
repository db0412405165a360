"""Figures of docs/benchmarks.md, measured on sandbox hosts; each beside its floor in the same run."""
