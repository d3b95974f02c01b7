"""``python -m convergan``."""

import os
import sys

if sys.path[0] == os.getcwd():  # where a datasets.py of the user's would hide the library's
    sys.path.append(sys.path.pop(0))

from .cli.main import main

main()
