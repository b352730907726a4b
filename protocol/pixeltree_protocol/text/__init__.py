"""Instruction words and kernels as people write them: assembly, and files of kernels."""
