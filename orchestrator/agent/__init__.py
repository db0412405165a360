"""The program on the host: carries out release steps. Standard library only, packed as one .pyz."""
