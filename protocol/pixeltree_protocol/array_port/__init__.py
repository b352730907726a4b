"""The array as a device of its own, below the controller: commands in batches, and their bytes."""
