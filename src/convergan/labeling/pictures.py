"""Pictures for the page: upright, in sRGB, no larger than a screen, and the last ones in memory."""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable

from PIL import Image

from ..core.images import decode, why_not
from ..data import DataError
from .items import Card, Picture

LARGEST_SIDE, GRID_SIDE = 1024, 256
"""Pixels of the longer side, alone and in a grid."""
LOSSLESS_SIDE = 256
"""Pictures up to this side stay PNG."""
QUALITY = 88
MOST_BYTES = 64 * 2**20
"""Of encoded pictures in memory."""


def shrink(data: bytes, side: int, name: str) -> Picture:
    """Return an image file as a picture that browsers show.

    Args:
        data: bytes of the file.
        side: most pixels of its longer side.
        name: for messages.

    Raises:
        DataError: if it cannot be decoded.
    """
    try:
        image = Image.fromarray(decode(data, None, least_side=side).pixels)
    except Exception as error:  # of many kinds for damaged files
        raise DataError(f"{name} cannot be shown: {why_not(error)}") from None
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if max(image.size) <= LOSSLESS_SIDE:
        image.save(buffer, "PNG")
        return Picture(buffer.getvalue(), "image/png")
    image.save(buffer, "JPEG", quality=QUALITY)
    return Picture(buffer.getvalue(), "image/jpeg")


class CardCache:
    """Cards by number and side; those that were not asked for longest go first.

    Args:
        make: returns a card.
        most_bytes: of pictures that are kept.
    """

    def __init__(self, make: Callable[[int, int], Card], most_bytes: int = MOST_BYTES) -> None:
        self._make, self._most = make, most_bytes
        self._cards: OrderedDict[tuple[int, int], Picture] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, number: int, side: int) -> Card:
        """Return a card, made now or before.

        Raises:
            DataError: if it cannot be made.
        """
        key = number, side
        with self._lock:
            if key in self._cards:
                self._cards.move_to_end(key)
                return self._cards[key]
        card = self._make(number, side)
        if isinstance(card, Picture):
            with self._lock:
                if key not in self._cards:
                    self._cards[key] = card
                    self._bytes += len(card.data)
                while self._bytes > self._most:
                    self._bytes -= len(self._cards.popitem(last=False)[1].data)
        return card
