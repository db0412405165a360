"""Templates before the programs that read them."""
