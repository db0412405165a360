"""The load of `make bench-release`: clients that retry nothing and count every request that got no good answer."""
