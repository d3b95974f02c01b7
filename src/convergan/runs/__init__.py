"""One run in one folder: from settings and rows to checkpoints, results and a report."""
