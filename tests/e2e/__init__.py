"""On sandbox hosts, from end to end."""
