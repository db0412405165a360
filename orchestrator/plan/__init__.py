"""Deciding: (config, facts) -> a tuple of steps, without looking at anything else."""
