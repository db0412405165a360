"""What people and programs are told: console text, versioned JSON."""
