"""A fit that takes a second."""

from convergan.tabular import FitOptions

QUICK = FitOptions(max_epochs=5, device="cpu")
