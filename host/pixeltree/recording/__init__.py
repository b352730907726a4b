"""Recordings as MCAP files, which Foxglove and the tools of ROS open: planes as PNG, all else as JSON."""
