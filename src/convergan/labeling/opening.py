"""Opens the labels of items: the database, the file, and the lock that keeps others away."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from ..core.locks import lock_file
from ..data import DataError
from .items import Items
from .labels_file import LabelsFile
from .project import Project, Settings
from .store import Store


@contextmanager
def open_project(items: Items, file: Path, settings: Settings) -> Iterator[Project]:
    """Open the labels of items, start to fit, and end all of that with the block.

    Args:
        items: to label.
        file: of labels. The database stands beside it, hidden.
        settings: how they are labelled.

    Raises:
        ValueError: if there are no items, or somebody else has them open.
        DataError: if the file holds something else.
        OSError: if it cannot be written.
    """
    if not len(items.names):
        raise DataError(f"{items.title} has no {items.noun[1]} to label")
    if not file.parent.is_dir():
        raise ValueError(f"there is no folder {file.parent} for {file.name}")
    with _locked(file), closing(Store(hidden(file, ".sqlite3"))) as store:
        labels = LabelsFile(file, items.names, items.key)
        with closing(Project(items, store, labels, settings)) as project:
            project.start()
            yield project


def hidden(file: Path, suffix: str) -> Path:
    """Return the hidden file beside a labels file.

    Example:
        >>> str(hidden(Path("photos/labels.csv"), ".sqlite3"))
        'photos/.labels.sqlite3'
    """
    return file.with_name(f".{file.stem}{suffix}")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            is_ours = held.enter_context(lock_file(hidden(file, ".lock")))
        except OSError as error:
            raise OSError(
                f"labels cannot be written to {file.parent}: {error.strerror}; name a file "
                "elsewhere with --out"
            ) from None
        if not is_ours:
            raise ValueError(
                f"{file} is open in another convergan label; use its page, or stop it first"
            )
        yield
