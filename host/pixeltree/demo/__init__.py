"""The demonstration: real handwritten digits through a tree that does not fit the controller."""
