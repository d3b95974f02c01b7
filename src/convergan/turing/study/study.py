"""A study as a folder: created whole or not at all, and opened.

The folder holds ``secret.key``, which signs invitations and hashes person ids, and the database
``study.sqlite3``; or, where that is PostgreSQL, ``database.url``.
"""

import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, func, insert, select, update

from .. import migrations
from ..checks import check
from ..errors import StudyError
from ..languages.words import languages, words_of
from ..statistics.votes import Exclusion, design_rules
from . import schema
from .database import Database, locate, readable_errors
from .image_import import Pixels, Source, check_sources, encode, pad, scramble, shift
from .questions import Questions
from .recruitment import MTURK, Panel
from .tokens import new_id, token_sha256
from .trials import block_count, images_needed

DISPLAY_PIXELS, MAX_SCALE = 2048, 64
MAX_TITLE = 200
MAX_DAYS = 36_500
"""Of retention: a date that no calendar has would keep everything for ever."""
KEY, DATABASE_URL = "secret.key", "database.url"

DEFAULT_CONSENT = words_of("en").consent

RECRUITERS = ("invitation", "prolific", "mturk")


@dataclass(frozen=True)
class StudySettings:
    """What is fixed before the first vote.

    Attributes:
        protocol: single, pair, or timed, which is three blocks of ``trials``.
        trials: of a session, or of each block; attention trials come on top.
        feedback: off, on, or split, half of the people each.
        attention: attention trials of a session, or of each block.
        annotators_wanted: most people that the study takes, over all models.
        margin: of equivalence, a share.
        exclusion: rules for whose votes do not count.
        recruiter: invitation, prolific or mturk; invitations are always possible.
        seed: of the random choice of each session's images, order and model.
        scale: largest whole factor by which images are shown enlarged.
        minutes: without an answer, after which a session may lose its place.
        consent: text that people agree to.
        retention_days: after which purge may remove the votes; None for no date.
        resample: whether all images are shifted by a quarter of a pixel.
        title: of the pages; empty for a general one.
        instructions: of the owner, before those on how to answer.
        language: of the pages, one of `convergan.turing.languages.words.languages`.
        logo: a PNG file above the pages, as `read_logo` returns it.
        questions: before and after the trials, as `read_questions` returns them.
    """

    protocol: str = "single"
    trials: int = 50
    feedback: str = "off"
    attention: int = 5
    annotators_wanted: int = 30
    margin: float = 0.05
    exclusion: Exclusion = field(default_factory=Exclusion)
    recruiter: str = "invitation"
    seed: int = 0
    scale: int = 1
    minutes: float = 60
    consent: str = DEFAULT_CONSENT
    retention_days: float | None = None
    resample: bool = False
    title: str = ""
    instructions: str = ""
    language: str = "en"
    logo: bytes | None = None
    questions: Questions | None = None

    @property
    def consent_version(self) -> str:
        """A name that changes with the text."""
        return hashlib.sha256(self.consent.encode()).hexdigest()[:12]

    def enlarged(self, real: Source) -> "StudySettings":
        """Return the settings with a scale at which images fill almost every screen."""
        side = max(real.pixels.shape[1:3])
        return replace(self, scale=min(max(1, DISPLAY_PIXELS // side), MAX_SCALE))

    def check(self) -> None:
        """Check the values.

        Raises:
            ValueError: naming the first that is out of its range.
        """
        even = self.protocol == "pair" or self.trials % 2 == 0
        useful = self.protocol != "timed" or self.feedback == "on"
        kept = self.retention_days is None or 0 < self.retention_days <= MAX_DAYS
        check(
            vars(self),
            *design_rules(self.protocol, self.feedback, self.annotators_wanted, self.margin),
            (self.recruiter in RECRUITERS, "recruiter", f"one of {', '.join(RECRUITERS)}"),
            (2 <= self.trials <= 1000, "trials", "from 2 to 1,000"),
            (even, "trials", "even, as half of them are generated"),
            (useful, "feedback", "on, as exposures of a timed study tell right from wrong"),
            (0 <= self.attention <= self.trials, "attention", "from 0 to the trials"),
            (0 <= self.seed < 2**31, "seed", "from 0 to 2,147,483,647"),
            (1 <= self.scale <= MAX_SCALE, "scale", f"from 1 to {MAX_SCALE}"),
            (self.minutes > 0, "minutes", "above 0"),
            (bool(self.consent.strip()), "consent", "a text"),
            (kept, "retention_days", f"above 0 and at most {MAX_DAYS:,}"),
            (len(self.title) <= MAX_TITLE, "title", f"at most {MAX_TITLE} letters"),
            (self.language in languages(), "language", f"one of {', '.join(languages())}"),
        )


@dataclass(frozen=True)
class Study:
    """An open study.

    Attributes:
        database: with the tables of `schema`.
        key: that signs and hashes; nowhere in the database.
        id: random, in invitations.
        name: of the folder when it was made.
        seed: of the random choice of each session's images, order and model.
        panel: that Mechanical Turk's people come from, or a compatible one.
        language: of the pages.
        title: of the pages, or empty.
        logo: a PNG file, or None.
    """

    database: Database
    key: bytes
    id: str
    name: str
    protocol: str
    seed: int
    clock: Callable[[], float] = time.time
    panel: Panel = MTURK
    language: str = "en"
    title: str = ""
    logo: bytes | None = None


def create_study(
    folder: Path,
    settings: StudySettings,
    real: Source,
    generated: Sequence[Source],
    address: str | None = None,
) -> str:
    """Make a study, or leave nothing behind.

    Args:
        folder: a new one.
        settings: what is fixed.
        real: real images.
        generated: images of each model.
        address: of a PostgreSQL database; None for SQLite in the folder.

    Returns:
        The owner's token, which is stored nowhere.

    Raises:
        StudyError: if the folder or a study in the database exists, or the images are unfit.
        ValueError: if a setting is out of its range.
    """
    settings.check()
    check_absent(folder)
    check_sources(real, generated, images_needed(settings.protocol, settings.trials))
    token = secrets.token_urlsafe(32)
    place = folder.with_name(f".tmp-{folder.name}-{new_id()}")
    url = locate(address, place)
    place.mkdir(parents=True, mode=0o700)
    database = Database(url)
    try:
        _write_secret(place / KEY, secrets.token_hex(32))
        if address is not None:
            _write_secret(place / DATABASE_URL, address)
        with readable_errors(url), database.writing() as connection:
            if migrations.current(connection) is not None:
                raise StudyError("the database holds a study; give each one a database of its own")
            migrations.create(connection)
            _insert_study(connection, folder.name, settings, real, token)
            _insert_images(connection, settings, real, generated)
            _pad_images(connection)
            if address is not None:  # while the tables can still be undone
                place = place.rename(folder)
        database.close()  # SQLite merges its log into the file, which moves as a whole
        if address is None:
            place = place.rename(folder)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    finally:
        database.close()
    return token


def check_absent(folder: Path) -> None:
    """Check that nothing is where a study is to be.

    Raises:
        StudyError: if something is.
    """
    if folder.exists() or folder.is_symlink():
        raise StudyError(f"{folder} exists; choose another place for the study")


def database_url(folder: Path) -> URL:
    """Return where the database of a study is.

    Raises:
        StudyError: if there is no study.
    """
    if not folder.is_dir():
        raise StudyError(f"there is no study {folder}")
    if (folder / DATABASE_URL).exists():
        return locate(_read(folder / DATABASE_URL), folder)
    if not (folder / "study.sqlite3").is_file():
        raise StudyError(f"{folder} has no database study.sqlite3")
    return locate(None, folder)


@contextmanager
def open_study(folder: Path, clock: Callable[[], float] = time.time) -> Iterator[Study]:
    """Open a study for as long as the block lasts.

    Raises:
        StudyError: if there is none, its key or database cannot be read, or its schema is one that
            this version does not know. An older schema is brought up to date.
        OSError: if the database fails inside the block; a damaged one is a StudyError.
    """
    url = database_url(folder)
    key = _read_key(folder / KEY)
    database = Database(url)
    try:
        with readable_errors(url), database.writing() as connection:
            _bring_up_to_date(connection, folder)
            row = connection.execute(select(schema.study)).one()
        with readable_errors(url):
            yield Study(
                *(database, key, row.id, row.name, row.protocol, row.seed, clock),
                language=row.language or "en",
                title=row.title or "",
                logo=row.logo,
            )
    finally:
        database.close()


def _bring_up_to_date(connection: Connection, folder: Path) -> None:
    revision = migrations.current(connection)
    if revision is None:
        raise StudyError(f"the database of {folder} holds no study")
    if not migrations.known(revision):
        raise StudyError(
            f"the database of {folder} has schema {revision}, this version of convergan knows "
            f"{migrations.newest()} and older"
        )
    migrations.upgrade(connection)


def _insert_study(
    connection: Connection, name: str, settings: StudySettings, real: Source, token: str
) -> None:
    now, days = time.time(), settings.retention_days
    height, width = real.pixels.shape[1:3]
    row: dict[str, Any] = {
        **asdict(settings),
        "id": new_id(),
        "name": name,
        "state": schema.RUNNING,
        "created": now,
        "retain_until": None if days is None else now + days * 86400,
        "owner_token_sha256": token_sha256(token),
        "blocks": block_count(settings.protocol),
        "consent_version": settings.consent_version,
        "consent_text": settings.consent,
        "width": width,
        "height": height,
    }
    stored = {column.name: row[column.name] for column in schema.study.columns}
    connection.execute(insert(schema.study), stored)


def _insert_images(
    connection: Connection, settings: StudySettings, real: Source, generated: Sequence[Source]
) -> None:
    """Store all images: real ones, those of each model, attention images last."""
    rows = [{"id": number, "name": source.name} for number, source in enumerate(generated)]
    connection.execute(insert(schema.models), rows)
    obvious = scramble(real.pixels[: max(settings.attention, 16)], settings.seed)
    if len(obvious) < settings.attention:
        raise StudyError(f"{settings.attention} attention trials need as many real images")
    groups: list[tuple[int | None, bool, Pixels]] = [(None, False, real.pixels)]
    groups += [(number, False, source.pixels) for number, source in enumerate(generated)]
    groups += [(None, True, obvious)] if settings.attention else []
    number = 0
    for model, attention, pixels in groups:
        for start in range(0, len(pixels), 500):
            part = pixels[start : start + 500]
            ready = shift(part) if settings.resample else part
            pngs = [encode(image) for image in ready]
            connection.execute(
                insert(schema.images),
                [
                    {"id": number + place, "model": model, "attention": attention, "png": png}
                    for place, png in enumerate(pngs)
                ],
            )
            number += len(part)


def _pad_images(connection: Connection) -> None:
    """Make the files of all images as long as the longest: no length tells what an image is."""
    images = schema.images.c
    longest = connection.execute(select(func.max(func.length(images.png)))).scalar_one()
    for number in connection.execute(select(images.id)).scalars().all():
        this = images.id == number
        file = bytes(connection.execute(select(images.png).where(this)).scalar_one())
        if len(file) < longest:
            padded = update(schema.images).where(this).values(png=pad(file, longest))
            connection.execute(padded)


def _write_secret(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened_file:
        opened_file.write(text + "\n")


def _read_key(file: Path) -> bytes:
    text = _read(file)
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise StudyError(f"{file} can be read by others; chmod 600 it")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise StudyError(f"{file} is not a key of 64 hexadecimal digits")
    return key


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{file} cannot be read: {error}") from None
