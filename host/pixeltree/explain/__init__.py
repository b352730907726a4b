"""Pictures that explain: a tree, an image's path in it, the planes of every step; two devices compared."""
