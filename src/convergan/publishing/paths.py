"""Where files lie on the user's machine, taken out of what is pushed."""

import re
import shlex
from typing import Any

ABSOLUTE = re.compile(r"[/\\~]|[A-Za-z]:[/\\]")
"""How a path begins that says where on a machine something is."""
UPWARDS = re.compile(r"(\.\.?[/\\])+")


def last_name(text: str) -> str:
    r"""Return a path without the folders that it is in; a text that is no such path as it is.

    A path that stays below the folder that a command was called in says nothing of the machine.

    Args:
        text: a path, or a name on the hub, or ``FILE.py:FUNCTION``.

    Example:
        >>> last_name("/home/me/photos"), last_name("../mine.py:digits"), last_name("ylecun/mnist")
        ('photos', 'mine.py:digits', 'ylecun/mnist')
        >>> last_name("C:\\Users\\me\\table.csv")
        'table.csv'
    """
    if not ABSOLUTE.match(text) and not UPWARDS.match(text):
        return text
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1]


def without_folders(value: Any) -> Any:
    """Return plain values with the `last_name` of every text in them.

    Args:
        value: as JSON has it; keys stay as they are.

    Example:
        >>> without_folders({"data": "/home/me/photos", "labels": [20]})
        {'data': 'photos', 'labels': [20]}
    """
    if isinstance(value, dict):
        return {key: without_folders(part) for key, part in value.items()}
    if isinstance(value, list):
        return [without_folders(part) for part in value]
    return last_name(value) if isinstance(value, str) else value


def command_without_folders(command: str) -> str:
    """Return a command line with the `last_name` of every word and of every ``--option=WORD``.

    Args:
        command: as a shell takes it.

    Example:
        >>> command_without_folders("convergan train digits --data=/data/a --out '/home/my me/r'")
        'convergan train digits --data=a --out r'
    """
    words = []
    for word in shlex.split(command):
        option, equals, value = word.partition("=")
        is_option = bool(equals) and option.startswith("--")
        words.append(f"{option}={last_name(value)}" if is_option else last_name(word))
    return shlex.join(words)
