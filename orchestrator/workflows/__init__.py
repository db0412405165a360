"""What a command does: order steps, hold the lock, recover."""
