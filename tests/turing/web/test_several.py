"""Two studies on one server, and that neither is seen from the other."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from convergan.turing.owner import invite, read_votes
from convergan.turing.study.study import Study, StudySettings, create_study, open_study
from convergan.turing.web.several import Studies, find_studies, name_studies
from tests.turing.serving import Person, noise

NAMES = ("faces", "digits")


class Two(NamedTuple):
    """Two open studies, with the tokens of their owners."""

    studies: dict[str, Study]
    tokens: dict[str, str]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    settings = StudySettings(trials=4, attention=0, annotators_wanted=3)
    tokens = {
        name: create_study(tmp_path / name, settings, noise("real"), [noise("model")])
        for name in NAMES
    }
    with ExitStack() as opened:
        yield Two({n: opened.enter_context(open_study(tmp_path / n)) for n in NAMES}, tokens)


def client(two: Two, public_url: str = "http://lab") -> TestClient:
    return TestClient(Studies(two.studies, public_url), "http://lab", follow_redirects=False)


@pytest.mark.parametrize(
    ("path", "taken_away"), [("", True), ("/deep/lab", True), ("/deep/lab", False)]
)
def test_people_of_each_study_vote_in_it_alone(two: Two, path: str, taken_away: bool) -> None:
    url, asked = f"http://lab{path}", client(two, f"http://lab{path}")
    above = path if taken_away else ""  # what the proxy removes
    for name, study in two.studies.items():
        link = urlsplit(invite(study, f"{url}/{name}", 1, 7)[0]).path
        place = asked.get(link.removeprefix(above)).headers["location"]
        assert place.startswith(f"{path}/{name}/s/")
        page = asked.get(place.removeprefix(above)).text
        files = re.findall(r'(?:src|href)="([^"]*)"', page)
        assert len(files) >= 3
        for file in files:
            assert file.startswith(f"{path}/{name}/static/")
            assert asked.get(file.removeprefix(above)).status_code == 200
        person = Person(asked, place.removeprefix(above))
        trial = person.begin()["trials"][0]
        other = next(n for n in NAMES if n != name)
        image = f"/{name}{trial['images'][0]}"
        assert asked.get(image).headers["content-type"] == "image/webp"
        assert asked.get(image.replace(name, other, 1)).status_code == 404
        assert person.finish()["stage"] == "done"
    assert [len(read_votes(study)) for study in two.studies.values()] == [4, 4]


def test_a_link_of_one_study_opens_nothing_in_the_other(two: Two) -> None:
    link = urlsplit(invite(two.studies["faces"], "http://lab/faces", 1, 7)[0]).path
    wrong = client(two).get(link.replace("faces", "digits"))
    assert wrong.status_code == 404 and "not genuine" in wrong.text
    assert client(two).get(link.removeprefix("/faces")).status_code == 404


def test_an_owners_token_opens_that_owners_study_alone(two: Two) -> None:
    asked = client(two)
    for name in NAMES:
        headers = {"Authorization": f"Bearer {two.tokens[name]}"}
        found = asked.post("/find", headers=headers)
        assert found.json() == {"address": f"/{name}/owner"}
        for other in NAMES:
            reply = asked.get(f"/{other}/owner/api/summary", headers=headers)
            assert reply.status_code == (200 if other == name else 401)


def test_the_index_names_no_study_and_has_the_headers(two: Two) -> None:
    asked = client(two, "http://lab/deep")
    for address in ("/", "/deep", "/deep/", "/none", "/deep/none/owner", "/static/none"):
        reply = asked.get(address, headers={"accept": "text/html"})
        assert not any(name in reply.text for name in NAMES), address
        assert "default-src 'none'" in reply.headers["content-security-policy"]
    page = asked.get("/deep/").text
    for file in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert asked.get(file).status_code == 200
    assert 'data-find="/deep/find"' in page
    assert asked.post("/deep/find").status_code == 401
    for address in ("/faces", "/deep/faces", "/faces/"):
        assert "open the link that you were sent" in asked.get(address).text


def test_a_study_whose_database_fails_leaves_the_others_alone(two: Two, tmp_path: Path) -> None:
    asked = client(two)
    with two.studies["faces"].database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE answers")
    headers = {name: {"Authorization": f"Bearer {two.tokens[name]}"} for name in NAMES}
    assert asked.get("/faces/owner/api/summary", headers=headers["faces"]).status_code == 503
    assert asked.get("/digits/owner/api/summary", headers=headers["digits"]).status_code == 200


def test_the_path_of_the_server_is_no_studys_name(two: Two) -> None:
    with pytest.raises(ValueError, match="the path /faces, the name of a study"):
        Studies(two.studies, "http://lab/faces/deep")


def test_all_studies_of_a_folder_are_found(two: Two, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / ".tmp-half").mkdir()
    (tmp_path / ".tmp-half" / "secret.key").touch()
    assert find_studies(tmp_path) == [tmp_path / "digits", tmp_path / "faces"]


def test_names_are_those_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faces").mkdir()
    monkeypatch.chdir(tmp_path / "faces")
    assert list(name_studies([Path(".")])) == ["faces"]
    for name in ("find", "s", "..x", "ä"):
        with pytest.raises(ValueError, match="cannot be a part of an address"):
            name_studies([tmp_path / name])
