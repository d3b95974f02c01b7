"""Samples against real rows: what is compared, the figures, and their files."""
