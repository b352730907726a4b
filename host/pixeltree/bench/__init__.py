"""What this software costs in wall time, measured as ratios within one run."""
