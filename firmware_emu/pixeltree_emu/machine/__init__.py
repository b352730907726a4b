"""What the emulator asks of the machine it runs on: paths, folders, claims on sockets, and logs."""
