import io

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from convergan.turing.study import schema
from convergan.turing.study.study import Study
from tests.turing.serving import Person, Serve


def numbers(study: Study, place: str) -> list[int]:
    """Return the images of a session's wrong answers, in their order, by another way."""
    session = place.rsplit("/", 1)[1]
    query = (
        select(schema.trials, schema.answers.c.said_generated)
        .join(schema.answers, schema.answers.c.trial == schema.trials.c.id)
        .where(schema.trials.c.session == session)
        .order_by(schema.answers.c.number)
    )
    with study.database.reading() as connection:
        rows = connection.execute(query).all()
    return [
        number
        for row in rows
        if row.generated != row.said_generated and not row.attention
        for number in (row.first_image, row.second_image)
        if number is not None
    ]


def png(study: Study, number: int) -> bytes:
    query = select(schema.images.c.png).where(schema.images.c.id == number)
    with study.database.reading() as connection:
        return bytes(connection.execute(query).scalar_one())


@pytest.mark.parametrize(("protocol", "answer"), [("single", "real"), ("pair", "left")])
def test_whoever_was_told_sees_the_images_judged_wrong_and_no_others(
    protocol: str, answer: str, serve: Serve
) -> None:
    server = serve(protocol=protocol, feedback="on", trials=6, attention=2)
    person = server.join()
    person.begin()
    person.finish(answer)
    listed = person.client.get(f"{person.place}/mistakes").json()["mistakes"]
    shown = [url for mistake in listed for url in mistake["images"]]
    assert [person.client.get(url).content for url in shown] == [
        png(server.study, number) for number in numbers(server.study, person.place)
    ]
    assert len(listed) == 3
    assert {mistake["generated"] for mistake in listed} == {protocol == "single"}
    pixels = np.asarray(Image.open(io.BytesIO(person.client.get(shown[0]).content)))
    assert pixels.shape == (8, 8, 3)


def refused(person: Person, place: str) -> bool:
    return person.client.get(place).status_code == 404


@pytest.mark.slow
def test_nothing_is_shown_before_the_end_or_to_those_who_are_not_told(serve: Serve) -> None:
    server = serve(feedback="split", trials=4, attention=1)
    people = [server.join() for _ in range(2)]
    for person in people:
        person.begin()
        assert refused(person, f"{person.place}/mistakes")
        person.answer(person.state()["trials"][0], "real")
        assert refused(person, f"{person.place}/mistakes")
        person.finish("real")
    told, other = sorted(people, key=lambda person: not person.state()["feedback"])
    assert refused(other, f"{other.place}/mistakes")
    listed = told.client.get(f"{told.place}/mistakes").json()["mistakes"]
    address = listed[0]["images"][0]
    assert not refused(told, address)
    assert refused(told, address.replace(told.place, other.place))
    assert refused(told, f"{told.place}/mistakes/{'A' * 22}")


def test_who_withdraws_has_no_mistakes(serve: Serve) -> None:
    person = serve(feedback="on").join()
    person.begin()
    person.finish("real")
    assert not refused(person, f"{person.place}/mistakes")
    person.post("withdraw", {})
    assert refused(person, f"{person.place}/mistakes")
