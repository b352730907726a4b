"""How good a tree is on data: through the reference, and on emulated or real devices."""
