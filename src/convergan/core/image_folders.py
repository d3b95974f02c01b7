"""What counts as an image in a folder: for training, scores, scans and studies.

Files count by their endings, in capitals or not. Hidden files and folders, and what operating
systems and editors leave beside images, are passed over. Links are followed as long as they stay
inside the folder; those that lead out of it only where that is asked for. What is left out is
counted, see `ImageFolder.notes`.
"""

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from .images import IMAGE_SUFFIXES

LEFT_BEHIND = {"__macosx", "@eadir", "thumbs.db", "desktop.ini", "$recycle.bin", "lost+found"}
"""By macOS's archives, Synology, Windows and Linux; in small letters."""
FOLLOW = "--follow-links reads what it names"
"""How to read what is refused."""
NAMED = 3
"""How many names a note gives."""


class ImageFolder:
    """A folder, and what has been passed over in it so far.

    Args:
        root: the folder, out of which links lead or do not.
        follow_links: follow links out of it as well.
        suffixes: the endings of images, in small letters.
        unlike: what one file that does not count is, and what several are, in words.
    """

    def __init__(
        self,
        root: Path,
        *,
        follow_links: bool = False,
        suffixes: Collection[str] = IMAGE_SUFFIXES,
        unlike: tuple[str, str] = ("no image", "no images"),
    ) -> None:
        self.root, self.follow_links, self._suffixes = root, follow_links, suffixes
        self._inside = root.resolve()
        self._hidden: dict[str, None] = {}
        self._unlike, self._other = unlike, list[Path]()
        self._loops: list[str] = []

    def folders(self, place: Path) -> list[Path]:
        """Return the folders in a place that are not passed over, by their names.

        Raises:
            ValueError: if one is a link that leads out.
        """
        return sorted(Path(entry) for entry in self._entries(place) if self._is_folder(entry))

    def files(self, place: Path) -> list[Path]:
        """Return the images in a place itself, by their names."""
        return sorted(Path(e) for e in self._entries(place) if not e.is_dir() and self._is_image(e))

    def images(self, place: Path) -> list[Path]:
        """Return the images below a place at any depth, by their paths; none if it is not there.

        Links to files that lead out are among them, as `read_file` says why it cannot be read.

        Raises:
            ValueError: if a folder is a link that leads out.
        """
        return sorted(self._walk(place, ())) if place.is_dir() else []

    def notes(self) -> list[str]:
        """Say what was passed over, in a line for each kind."""
        found = []
        if self._hidden:
            names = _some(list(self._hidden))
            found.append(f"{len(self._hidden):,} hidden files and folders are left out: {names}")
        if self._other:
            found.append(self._others_note())
        if self._loops:
            names = _some(self._loops)
            found.append(f"links back to a folder above them are left out: {names}")
        return found

    def _others_note(self) -> str:
        """Return the names of a few files, of more how many have which ending."""
        names = [self.name(path) for path in self._other]
        if len(names) == 1:
            return f"1 file that is {self._unlike[0]} is left out: {names[0]}"
        endings = Counter(path.suffix.lower() or "without an ending" for path in self._other)
        kinds = [f"{ending} {count:,}" for ending, count in sorted(endings.items())]
        told = ", ".join(names if len(names) <= NAMED else kinds)
        return f"{len(names):,} files that are {self._unlike[1]} are left out: {told}"

    def name(self, path: Path) -> str:
        """Return what messages call a file or folder below the root."""
        return name_below(self.root, path)

    def _walk(self, place: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
        status = place.stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            self._loops.append(self.name(place))
            return
        for entry in self._entries(place):
            if self._is_folder(entry):
                yield from self._walk(Path(entry), (*above, here))
            elif self._is_image(entry):
                yield Path(entry)

    def _entries(self, place: Path) -> Iterator["os.DirEntry[str]"]:
        with os.scandir(place) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if is_passed_over(entry.name):
                self._hidden[self.name(Path(entry))] = None
            else:
                yield entry

    def _is_folder(self, entry: "os.DirEntry[str]") -> bool:
        if not entry.is_dir():
            return False
        if entry.is_symlink():
            require_inside(self._inside, Path(entry), self.follow_links)
        return True

    def _is_image(self, entry: "os.DirEntry[str]") -> bool:
        suffix = Path(entry).suffix.lower()
        if suffix not in self._suffixes:
            self._other.append(Path(entry))
        return suffix in self._suffixes


def is_passed_over(name: str) -> bool:
    """Whether a file or folder of that name is hidden, or left behind by a system.

    Example:
        >>> [is_passed_over(name) for name in ("._1.png", "Thumbs.db", "1.png")]
        [True, True, False]
    """
    return name.startswith(".") or name.lower() in LEFT_BEHIND


def require_inside(root: Path, path: Path, follow_links: bool) -> None:
    """Require that a path leads to nothing outside of a folder, or that links may.

    Args:
        root: the folder, resolved.
        path: of a file or folder below it.
        follow_links: whether links may lead out.

    Raises:
        ValueError: if it does.
    """
    if follow_links:
        return
    target = path.resolve()
    if not target.is_relative_to(root):
        raise ValueError(f"{path} is a link out of the folder, to {target}; {FOLLOW}")


def read_file(root: Path, path: Path, *, follow_links: bool = False) -> bytes:
    """Return the bytes of a file below a folder.

    Raises:
        ValueError: if it is a link out of the folder and these are not followed, a link to nothing,
            or no plain file; the message does not name it.
        OSError: if it cannot be read.
    """
    target = path.resolve()
    if not follow_links and not target.is_relative_to(root.resolve()):
        raise ValueError(f"a link out of the folder, to {target}; {FOLLOW}")
    if path.is_symlink() and not path.exists():
        raise ValueError(f"a link to nothing, {target}")
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a plain file")
    return path.read_bytes()


def name_below(root: Path, path: Path) -> str:
    r"""Return what messages and tables call a file; bytes that are not UTF-8 become ``\xe9``.

    Example:
        >>> name_below(Path("images"), Path("images/cat/1.png"))
        'cat/1.png'
    """
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")


def _some(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
