"""`make bench-release`: our releases and those of peers, on hosts of one sandbox, with one app under one load."""
