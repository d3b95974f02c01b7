"""Models to the Hugging Face hub and back, by its own library.

A push is one commit, made on the revision that was looked at. A pull downloads what the manifest
names, compares lengths and hashes, and only then gives the folder its name. Nothing that comes from
a repository is run or unpickled.
"""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..core.files import new_folder
from ..data import DataError
from ..data.hub import fits_the_hub
from ..tabular import require_new
from .bundle import Bundle
from .manifest import CARD, NAME, SHA256, WORDS, Content, Manifest, entry_of, parse_manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo
    from huggingface_hub.errors import HfHubHTTPError

OF_THE_HUB = {".gitattributes"}
"""What the hub itself puts into a new repository."""
LISTED = 5
"""Files that an error message names."""
CHANGED = (409, 412)
"""Answers of the hub to a commit on a revision that is not the newest."""


class Pushed(NamedTuple):
    """A model on the hub.

    Attributes:
        url: where people see it.
        revision: commit that it is in.
        before: commit that it took the place of, None if it is the same or the first.
        changed: whether the hub had another one, or none.
        notices: what the hub said of the card.
    """

    url: str
    revision: str
    before: str | None
    changed: bool
    notices: tuple[str, ...]


class Pulled(NamedTuple):
    """A model from the hub.

    Attributes:
        folder: that it is in.
        revision: commit that it is of.
        manifest: what it consists of.
        left_out: files of the repository that are not of the model.
    """

    folder: Path
    revision: str
    manifest: Manifest
    left_out: tuple[str, ...]


def require_repository(name: str) -> None:
    """Refuse what is no OWNER/NAME that the hub allows.

    Args:
        name: of a repository.

    Raises:
        ValueError: if it is none.
    """
    if "/" not in name:
        raise ValueError(f"a repository of the hub is OWNER/NAME, such as me/digits, got {name!r}")
    if not fits_the_hub(name):
        raise ValueError(
            "a repository of the hub is OWNER/NAME, each up to 96 letters, digits, - _ and ., "
            f"without -- or .., - or . at an end, or .git at the last, got {name!r}"
        )


def push(
    bundle: Bundle,
    manifest: Manifest,
    card: str,
    repository: str,
    *,
    private: bool = False,
    bars: bool = False,
) -> Pushed:
    """Make a repository hold a model, in one commit; make the repository where there is none.

    Files of the model that it held before are deleted if this one has them not; what convergan did
    not write is neither changed nor deleted.

    Args:
        bundle: the files.
        manifest: of them.
        card: text of ``README.md``.
        repository: OWNER/NAME.
        private: whether a new repository is shown to its members alone.
        bars: let the library draw its bars.

    Raises:
        ValueError: if there is no token, or ``private`` is asked of a public repository.
        DataError: if the hub refuses, or the repository holds something else.
        OSError: if the hub cannot be reached or does not answer as it should.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token

    if get_token() is None:
        raise ValueError(
            "a push needs a token of the hub that may write: put it into HF_TOKEN, or log in with "
            "hf auth login"
        )
    api = HfApi()
    with _hub(repository, bars=bars) as notices:
        _require_card(card)
        there = _find_or_create(api, repository, private=private)
        if private and not there.private:
            raise ValueError(f"{repository} is there and public, so --private would not hide it")
        earlier = _earlier_manifest(api, repository, there)
        contents: dict[str, Content] = {
            **bundle.files,
            NAME: manifest.as_bytes(),
            CARD: card.encode(),
        }
        _require_own(repository, there, earlier, contents)
        gone = earlier.files.keys() - contents.keys() if earlier else ()
        commit = api.create_commit(
            repository,
            [
                *(CommitOperationAdd(name, content) for name, content in contents.items()),
                *(CommitOperationDelete(name) for name in sorted(gone)),
            ],
            commit_message=f"convergan {manifest.version}: {WORDS[manifest.kind]}, "
            f"{manifest.sha256[:12]}",
            parent_commit=there.sha,
        )
    changed = commit.oid != there.sha
    before = there.sha if changed and earlier else None
    return Pushed(f"{api.endpoint}/{repository}", commit.oid, before, changed, tuple(notices))


def pull(
    repository: str,
    folder: Path,
    *,
    revision: str | None = None,
    sha256: str | None = None,
    bars: bool = False,
) -> Pulled:
    """Download a model into a new folder, wholly or not at all.

    Args:
        repository: OWNER/NAME.
        folder: that is made.
        revision: branch, tag or commit; None for the newest.
        sha256: hash that the manifest must have, None to take any.
        bars: let the library draw its bars.

    Raises:
        ValueError: if the folder is there, or ``sha256`` is no hash.
        DataError: if the hub shows no such repository, it holds no model of convergan, or other
            bytes than its manifest says.
        OSError: if the hub cannot be reached or does not answer as it should.
    """
    from huggingface_hub import HfApi

    wanted = None if sha256 is None else sha256.lower()
    if wanted is not None and not SHA256.fullmatch(wanted):
        raise ValueError(f"--sha256 must be 64 hexadecimal digits, got {sha256!r}")
    require_new(folder)
    api = HfApi()
    with _hub(repository, revision, bars=bars), new_folder(folder) as temporary:
        found = api.model_info(repository, revision=revision, files_metadata=True)
        commit, sizes = str(found.sha), {one.rfilename: one.size for one in found.siblings or ()}
        if NAME not in sizes:
            raise DataError(f"{repository} is no model of convergan: it has no {NAME}")
        listed = _download(api, repository, commit, NAME, temporary)
        manifest = parse_manifest(listed.read_bytes(), repository)
        if wanted not in (None, manifest.sha256):
            raise DataError(
                f"{repository} holds another model than --sha256 says: its hash is "
                f"{manifest.sha256}"
            )
        for name, entry in manifest.files.items():
            if sizes.get(name) != entry.bytes:
                raise DataError(
                    f"{name} of {repository} is {_size(sizes.get(name))}, its {NAME} says "
                    f"{_size(entry.bytes)}"
                )
            if entry_of(_download(api, repository, commit, name, temporary)) != entry:
                raise DataError(f"{name} of {repository} is damaged: its hash is another")
        if CARD in sizes:
            _download(api, repository, commit, CARD, temporary)
        shutil.rmtree(temporary / ".cache", ignore_errors=True)  # the library's notes
    left_out = sizes.keys() - manifest.files.keys() - {NAME, CARD} - OF_THE_HUB
    return Pulled(folder, commit, manifest, tuple(sorted(left_out)))


def _require_card(card: str) -> None:
    """Ask the hub whether it takes a model card, before a repository is made for it.

    Raises:
        DataError: if it does not.
    """
    from huggingface_hub import ModelCard

    asked = ModelCard(card)
    try:
        asked.validate()
    except ValueError as error:
        said = " ".join(str(error).split())
        if "license" in said and (name := asked.data.get("license")):
            raise DataError(
                f"the hub knows no license {name!r}: --license takes its names, such as mit or "
                "apache-2.0"
            ) from None
        raise DataError(f"the hub does not take the model card: {said}") from None


def _size(count: int | None) -> str:
    return "not there" if count is None else f"{count:,} bytes long"


def _download(api: "HfApi", repository: str, commit: str, name: str, folder: Path) -> Path:
    """Download a file into a folder of ours, and return where it is."""
    file = Path(api.hf_hub_download(repository, name, revision=commit, local_dir=folder))
    if file.is_symlink() or not file.is_file():
        raise DataError(f"{name} of {repository} is no plain file")
    return file


def _find_or_create(api: "HfApi", repository: str, *, private: bool) -> "ModelInfo":
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return api.model_info(repository)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        api.create_repo(repository, private=private or None)  # None: as its owner has chosen
        return api.model_info(repository)


def _earlier_manifest(api: "HfApi", repository: str, there: "ModelInfo") -> Manifest | None:
    """Return what an earlier push wrote, None if there was none."""
    if NAME not in _names(there):
        return None
    with tempfile.TemporaryDirectory() as place:
        file = _download(api, repository, str(there.sha), NAME, Path(place))
        return parse_manifest(file.read_bytes(), repository)


def _names(there: "ModelInfo") -> set[str]:
    return {sibling.rfilename for sibling in there.siblings or ()}


def _require_own(
    repository: str, there: "ModelInfo", earlier: Manifest | None, contents: Iterable[str]
) -> None:
    """Refuse to write into a repository of something else, or over files of somebody else.

    Raises:
        DataError: naming the files.
    """
    others = _names(there) - OF_THE_HUB
    if earlier is not None:
        others &= set(contents) - earlier.files.keys() - {NAME, CARD}
    if others:
        named = ", ".join(sorted(others)[:LISTED]) + ", ..." * (len(others) > LISTED)
        raise DataError(
            f"{repository} holds files that convergan did not write: {named}; push into a new "
            "repository"
        )


@contextmanager
def _hub(repository: str, revision: str | None = None, *, bars: bool) -> Iterator[list[str]]:
    """Say in one line what the hub refuses; yield a list that gets the library's warnings.

    Raises:
        DataError: where the hub refuses.
        OSError: where there is no answer, or one that says nothing.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
    from huggingface_hub.utils.tqdm import disable_progress_bars

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if not bars:
        disable_progress_bars()
    notices: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            yield notices
        notices += [" ".join(str(one.message).split()) for one in caught]
    except HfHubHTTPError as error:
        raise _refusal(error, repository, revision) from error
    except OfflineModeIsEnabled as error:
        raise OSError("HF_HUB_OFFLINE is set, so the hub is not asked: unset it") from error
    except (LocalEntryNotFoundError, RuntimeError, _unreached()) as error:
        cause = error.__cause__ or error
        if isinstance(cause, HfHubHTTPError):
            raise _refusal(cause, repository, revision) from error
        raise OSError(
            f"no answer from the hub for {repository} ({type(cause).__name__}: {cause}): try again "
            "once it can be reached"
        ) from error


def _unreached() -> type[Exception]:
    """Return what the HTTP library raises, which is another one in every version of the hub's."""
    from huggingface_hub.errors import HfHubHTTPError

    return next(kind for kind in HfHubHTTPError.__bases__ if kind is not OSError)


def _refusal(error: "HfHubHTTPError", repository: str, revision: str | None) -> Exception:
    from huggingface_hub import get_token
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    status = error.response.status_code
    said = f"{status}: {error.server_message or error.response.reason_phrase}"
    if isinstance(error, RevisionNotFoundError):
        return DataError(f"{repository} has no revision {revision!r}")
    if isinstance(error, RepositoryNotFoundError) or (status == 401 and get_token() is None):
        return DataError(
            f"the hub has no model {repository}, or shows it to its members alone: HF_TOKEN must "
            f"be a token of one ({said})"
        )
    if status == 401:
        return DataError(f"the hub does not take the token ({said}): put a valid one into HF_TOKEN")
    if status == 403:
        return DataError(
            f"the token may not write into {repository} ({said}): push into a repository of your "
            "own, with a token that may write"
        )
    if status in CHANGED:
        return DataError(f"{repository} was changed meanwhile ({said}): push again")
    return OSError(f"the hub answers for {repository} with {said}")
