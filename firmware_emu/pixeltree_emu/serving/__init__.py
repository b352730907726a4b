"""The daemon: where it listens, whom it serves in which turn, what it logs and how it starts and stops."""
