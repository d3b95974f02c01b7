import pytest
from sqlalchemy import select, update

from convergan.turing.image_votes import read_file_names, read_judged_images, read_pictures
from convergan.turing.owner import people, read_votes
from convergan.turing.study import schema
from tests.turing.serving import Make
from tests.turing.session_steps import begin, come, run_through


@pytest.mark.slow
def test_votes_are_counted_on_each_image_and_those_of_other_people_are_not(make: Make) -> None:
    study, _ = make(recruiter="prolific")
    for person in ("ann", "ben"):
        session = come(study, person)
        begin(session)
        run_through(session)
    aliases = [person["alias"] for person in people(study)]
    found = read_judged_images(study, aliases)
    assert [image.number for image in found] == list(range(80))
    votes = read_votes(study)
    for image in found:
        mine = votes.image == image.number
        assert (image.votes, image.wrong) == (mine.sum(), (mine & ~votes.correct).sum())
        assert image.model == (None if image.number < 40 else "model")
        assert image.file_name == f"{image.model or 'real'}[{image.number % 40}]"
    assert sum(image.votes for image in found) == 8
    assert sum(image.votes for image in read_judged_images(study, aliases[:1])) == 4


def test_both_images_of_a_pair_get_its_vote(make: Make) -> None:
    study, _ = make(recruiter="prolific", protocol="pair", attention=0)
    session = come(study)
    begin(session)
    run_through(session, "left")
    found = read_judged_images(study, [person["alias"] for person in people(study)])
    with study.database.reading() as connection:
        trials = connection.execute(select(schema.trials)).all()
    for row in trials:
        for number in (row.first_image, row.second_image):
            image = found[number]
            assert (image.votes, image.wrong) == (1, int(not row.generated))


def test_pictures_and_names_are_those_that_are_stored(make: Make) -> None:
    study, _ = make()
    pictures = read_pictures(study, [3, 41])
    assert list(pictures) == [3, 41]
    assert all(file.startswith(b"RIFF") for file in pictures.values())
    names = read_file_names(study)
    assert (names[3], names[41], names[80]) == ("real[3]", "model[1]", "real[0]")
    with study.database.writing() as connection:
        connection.execute(update(schema.images).values(file_name=None))
    assert read_file_names(study) == {}
    assert read_judged_images(study, [])[0].name == "image 0"
