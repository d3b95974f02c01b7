"""``python -m convergan``."""

from .cli.main import main

main()
