"""Faults put into real runs, row by row, and what was lost: ``python -m faults --help``."""
