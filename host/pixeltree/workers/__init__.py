"""Work in many independent pieces: on this machine's cores, or on a cluster.

This room imports nothing heavy, so that a worker process starts fast.
"""
