"""Stands in for the packed agent: answers with what it was called as."""

import os
import sys

print(sys.argv[1], os.geteuid(), sys.flags.isolated)
