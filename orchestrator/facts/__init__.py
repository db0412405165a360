"""Reading: an agent's answers as frozen models, without asking for anything."""
