"""All figures of a study as one value, and that value as text, plots and a page."""
