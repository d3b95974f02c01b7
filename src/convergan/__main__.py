"""``python -m convergan``."""

from .cli import main

main()
