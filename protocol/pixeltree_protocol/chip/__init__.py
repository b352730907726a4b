"""The chip as both sides know it: registers, words, macros, kernels as text, costs and typical errors."""
