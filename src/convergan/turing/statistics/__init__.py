"""Figures about votes: one file for each kind."""
