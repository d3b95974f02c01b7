"""The clock by which people are away, which no jump of the machine's clock moves."""

import time
from collections.abc import Callable


class ProgressClock:
    """Seconds since 1970 when the process began, and from then on what a steady clock counts.

    So the machine's clock may be set back or forth while a server runs, and nobody has been away
    for longer. Whether they were before the server began, it cannot know: the clock may have been
    set while it was down. `left_before` therefore lets everybody have the whole time from then.

    Args:
        wall: the machine's clock, in seconds since 1970; read once.
        steady: a clock that nobody sets, in seconds.

    Example:
        >>> clock = ProgressClock(wall=lambda: 1000.0, steady=iter([0.0, 50.0]).__next__)
        >>> clock()
        1050.0
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.began = wall()
        self._steady, self._zero = steady, steady()

    def __call__(self) -> float:
        """Return the time, in seconds since 1970."""
        return self.began + self._steady() - self._zero

    def left_before(self, seconds: float) -> float | None:
        """Return the moment before which whoever made no progress has been away for so long.

        Args:
            seconds: without progress.

        Returns:
            The moment, or None while this clock has not run for so long: nobody has been then.
        """
        now = self()
        return now - seconds if now - self.began >= seconds else None
