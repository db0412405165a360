"""Judges that do not know us, each by its own rules, on a provisioned host: `make audits`."""
