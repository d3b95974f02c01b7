"""Faults put into real runs, row by row, and what was lost: ``python -m faults --help``."""

import os

os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # of processes that are lost by intention
