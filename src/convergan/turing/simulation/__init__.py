"""Simulated people, who take part in a study through its real interface."""
