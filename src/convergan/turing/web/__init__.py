"""The study as a web application: what a browser asks, and what the owner does."""
