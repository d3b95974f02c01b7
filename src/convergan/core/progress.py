"""What a loop reports after each step: from training to the bar on the terminal, one type."""

from pathlib import Path
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """How far a piece of work has come.

    Attributes:
        method: at work, for example ``GAN`` or ``label spreading (knn)``.
        step: finished steps of it.
        steps: how many there will be; 1 for a method without steps.
        metrics: its newest figures by name; of a training step its losses, scalars on the device.
        notices: what the user should know, usually nothing.
        skipped: why this step changed nothing but its number, or None.
        picture: a file with samples as of this step, or None.
    """

    method: str
    step: int
    steps: int
    metrics: dict[str, Any]
    notices: tuple[str, ...] = ()
    skipped: str | None = None
    picture: Path | None = None
