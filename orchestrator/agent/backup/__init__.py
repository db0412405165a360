"""Backups of one app on this host: dumps, repositories, runs, drills, restores. No controller is needed for them."""
