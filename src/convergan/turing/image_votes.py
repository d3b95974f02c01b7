"""The images of a study with the votes on each, as its database has them."""

from collections import Counter
from collections.abc import Collection, Sequence

from sqlalchemy import select

from .results.images import JudgedImage
from .study.schema import answers, images, models, sessions, trials
from .study.study import Study


def read_judged_images(study: Study, counted: Collection[str]) -> list[JudgedImage]:
    """Return all images but those of attention trials, in the order of their numbers.

    Of a pair both images get the vote: who chooses the real one takes both for the other kind.

    Args:
        study: to read.
        counted: pseudonyms of the annotators whose votes count.
    """
    votes, wrong = Counter[int](), Counter[int]()
    given = (
        select(
            sessions.c.alias,
            *(trials.c[name] for name in ("first_image", "second_image", "generated")),
            answers.c.said_generated,
        )
        .join(trials, trials.c.id == answers.c.trial)
        .join(sessions, sessions.c.id == answers.c.session)
        .where(~trials.c.attention)
    )
    named = (
        select(images.c.id, images.c.file_name, models.c.name)
        .join(models, models.c.id == images.c.model, isouter=True)
        .where(~images.c.attention)
        .order_by(images.c.id)
    )
    with study.database.reading() as connection:
        for row in connection.execute(given):
            if row.alias not in counted:
                continue
            for number in (row.first_image, row.second_image):
                if number is not None:
                    votes[number] += 1
                    wrong[number] += row.generated != row.said_generated
        rows = connection.execute(named).all()
    return [
        JudgedImage(row.id, row.file_name, row.name, votes[row.id], wrong[row.id]) for row in rows
    ]


def read_pictures(study: Study, numbers: Sequence[int]) -> dict[int, bytes]:
    """Return the files of images by their numbers."""
    query = select(images.c.id, images.c.png).where(images.c.id.in_(numbers)).order_by(images.c.id)
    with study.database.reading() as connection:
        return {row.id: bytes(row.png) for row in connection.execute(query)}


def read_file_names(study: Study) -> dict[int, str]:
    """Return where each image came from, as far as that is known, by its number."""
    query = select(images.c.id, images.c.file_name).where(images.c.file_name.is_not(None))
    with study.database.reading() as connection:
        return {row.id: row.file_name for row in connection.execute(query)}
