"""What measures speed, as ratios inside one run."""
