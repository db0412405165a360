"""Which agent this is. transport/agent_pyz.py writes the content's digest in here when it packs the agent."""

VERSION = "unpacked"
PROTOCOL = 1
