"""The words of the design as frozen dataclasses; standard library only, no I/O."""
