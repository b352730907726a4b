"""A tree: its nodes with their models and objects, how it is built, and its file."""
