"""The study's commands, as in a terminal."""

import csv
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from convergan.cli import turing as turing_commands
from convergan.cli.turing import read_images
from convergan.turing.owner import people, read_design, read_votes
from convergan.turing.statistics.votes import Exclusion
from convergan.turing.study import schema
from convergan.turing.study.served_address import record_address, served_address
from convergan.turing.study.study import open_study
from convergan.turing.web.server_process import free_port, serving
from convergan.web.server import listen
from tests.commands import convergan


class Done(NamedTuple):
    """What a command printed and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def turing(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command of the study in this process."""

    def run(*words: object) -> Done:
        capsys.readouterr()
        return Done(convergan("turing", *words), *capsys.readouterr())

    return run


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A folder of images, some in a folder of it."""
    chance = np.random.default_rng(0)
    (tmp_path / "real" / "more").mkdir(parents=True)
    for number in range(12):
        place = tmp_path / "real" / ("more" if number % 2 else "") / f"{number}.png"
        Image.fromarray(chance.integers(0, 256, (8, 8), dtype=np.uint8)).save(place)
    return tmp_path / "real"


def images_of(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*.png")}


def archive(file: Path, seed: int = 1, count: int = 12, side: int = 8) -> Path:
    chance = np.random.default_rng(seed)
    np.savez(file, samples=chance.random((count, 1, side, side), dtype=np.float32))
    return file


def test_rules_of_exclusion_are_fixed_when_the_study_is_made(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    rules = ("--min-attention", 0.6, "--min-reaction-ms", 300, "--max-same-answer", 0.95)
    assert turing("create", tmp_path / "study", *words, *rules).code == 0
    with open_study(tmp_path / "study") as study:
        assert read_design(study).exclusion == Exclusion(0.6, 300, 0.95, 0.9)
    refused = turing("create", tmp_path / "other", *words, "--min-attention", 80)
    assert refused.code == 2
    assert "--min-attention must be from 0 to 1, got 80.0" in refused.err


def test_a_study_for_prolific_has_its_codes_and_the_list_of_who_may_begin(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("5f1e0a\n5f1e0b\n")
    words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    codes = ("--completion-code", "C1", "--screened-out", "C2", "--failed-attention", "C3")
    more = ("--allow", ids, "--contact", "Ann", "--link", "https://lab.example/x")
    made = turing("create", tmp_path / "s", *words, "--recruiter", "prolific", *codes, *more)
    assert made.code == 0, made.err
    with open_study(tmp_path / "s") as study, study.database.reading() as connection:
        design = connection.execute(select(schema.study)).one()
        listed = connection.execute(select(schema.listed_people)).all()
    assert (design.completion_code, design.screened_out_code) == ("C1", "C2")
    assert (design.failed_attention_code, design.resume_days) == ("C3", 7)
    assert (design.allow_list, len(listed)) == (True, 2)
    assert (design.contact, design.links) == ("Ann", ["https://lab.example/x"])


@pytest.mark.slow
def test_a_study_is_made_invited_to_looked_at_and_purged(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    study, fake = tmp_path / "study", archive(tmp_path / "gan.npz")
    other = archive(tmp_path / "vae.npz", seed=2)
    made = turing("create", study, "--real", real, "--fake", fake, "--fake", other, "--trials", 6)
    assert made.code == 0, made.err
    lines = made.out.splitlines()
    assert lines[0] == f"study: {study}"
    token = lines[1].removeprefix("owner's token: ")
    assert len(token) == 43
    assert not any(token.encode() in file.read_bytes() for file in study.iterdir())
    address = "https://study.example"
    invited = turing("invite", study, "--count", 3, "--days", 2, "--public-url", address)
    assert invited.out.count(f"{address}/join/") == 3
    with open_study(study) as found:
        assert read_design(found).trials == 12
        assert read_votes(found).models == ("gan.npz", "vae.npz")
        assert people(found) == []
    assert "no votes" in turing("results", study).out.lower()
    assert (study / "results.html").read_bytes().startswith(b"<!doctype html>")
    shown = turing("status", study)
    assert "running, 30 people wanted; nobody yet" in shown.out
    early = turing("purge", study)
    assert (early.code, early.err.count("\n")) == (2, 1)
    assert "removed 0 sessions" in turing("purge", study, "--early").out


def test_a_study_gets_words_a_logo_and_questions_of_its_owner(
    turing: Command, tmp_path: Path, real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("how.txt").write_text("Take your time.")
    Path("q.yaml").write_text("after: [{name: more, type: text, label: More}]")
    Image.new("RGB", (40, 20)).save("logo.png")
    words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    own = ("--title", "Faces", "--instructions", "how.txt", "--logo", "logo.png")
    made = turing("create", "s", *words, *own, "--questions", "q.yaml", "--language", "de")
    assert made.code == 0, made.err
    with open_study(Path("s")) as study, study.database.reading() as connection:
        row = connection.execute(select(schema.study)).one()
    assert (row.title, row.instructions, row.language) == ("Faces", "Take your time.", "de")
    assert row.consent_text.startswith("Sie sehen kleine Bilder")
    assert row.logo.startswith(b"\x89PNG") and row.questions["after"][0]["name"] == "more"
    assert turing("results", "s", "--responses", "r.csv").code == 0
    assert Path("r.csv").read_text() == "annotator,state,more\n"
    Path("q.yaml").write_text("after: [{name: more, type: date, label: More}]")
    for options, reason, code in (
        (("--questions", "q.yaml"), "must be of type text, number, choice, scale; got 'date'", 65),
        (("--logo", "how.txt"), "the logo how.txt is no PNG or JPEG image", 65),
        (("--language", "fr"), "language must be one of de, en, got 'fr'", 2),
    ):
        refused = turing("create", "other", *words, *options)
        assert (refused.code, reason in " ".join(refused.err.split())) == (code, True), refused.err
        assert not Path("other").exists()


def test_files_of_results_get_a_folder_or_one_line_that_says_why_not(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    study = tmp_path / "study"
    words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    turing("create", study, *words)
    assert turing("results", study, "--csv", tmp_path / "new" / "figures.csv").code == 0
    assert (tmp_path / "new" / "figures.csv").read_text().startswith("quantity,value,interval")
    refused = turing("results", study, "--csv", study / "secret.key" / "x")
    assert (refused.code, refused.err.count("\n")) == (74, 1)
    assert f"{study}/secret.key/x cannot be written: " in refused.err


def test_a_preregistration_is_written_once_and_checked_by_results(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    study, plan = tmp_path / "study", tmp_path / "plan.md"
    turing("create", study, "--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    assert "Nothing was preregistered." in turing("results", study).out
    assert json.loads(turing("status", study, "--json", "-").out)["wanted"] == 30
    written = turing("preregister", study, "--out", plan)
    assert (written.code, written.out.count("\n")) == (0, 2) and "sha256: " in written.out
    again = turing("preregister", study, "--out", tmp_path / "other.md")
    assert (again.code, again.err.count("\n")) == (65, 1)
    assert "As preregistered." in turing("results", study).out
    plan.write_text(plan.read_text() + "more")
    changed = turing("results", study, "--preregistration", plan).out
    assert f"the file {plan} was changed" in " ".join(changed.split())
    assert b"was changed after it was written" in (study / "results.html").read_bytes()


@pytest.mark.slow
def test_nobody_else_can_read_any_file_of_a_study(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    study, before = tmp_path / "study", os.umask(0)

    def modes() -> dict[str, str]:
        return {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in study.iterdir()}

    try:
        words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
        assert turing("create", study, *words).code == 0
        assert modes() == {"secret.key": "0o600", "study.sqlite3": "0o600"}
        with serving(study) as url:
            assert turing("simulate", study, "--annotators", 1, "--url", url).code == 0
            served = modes()
        assert {"study.sqlite3-wal", "study.sqlite3-shm", "server.log"} <= served.keys()
        assert set(served.values()) == {"0o600"}
        (study / "results.html").write_text("of an older version")
        assert turing("results", study, "--votes", study / "votes.csv").code == 0
        assert {"results.html", "votes.csv"} <= modes().keys()
        assert set(modes().values()) == {"0o600"}
        assert stat.S_IMODE(study.stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_links_lead_to_where_the_study_was_served_last(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    study = tmp_path / "study"
    words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    assert turing("create", study, *words).code == 0
    never = turing("invite", study)
    assert (never.code, never.out, never.err.count("\n")) == (2, "", 1)
    assert "was never served" in never.err and "--public-url" in never.err
    record_address(study, "http://127.0.0.1:8123")
    found = turing("invite", study)
    assert found.out.startswith("http://127.0.0.1:8123/join/")
    assert "only this machine" in found.err
    record_address(study, "https://lab.example/faces")
    found = turing("invite", study)
    assert (found.out[:31], found.err) == ("https://lab.example/faces/join/", "")
    file = tmp_path / "links.json"
    file.write_text("old")
    assert turing("invite", study, "--count", 2, "--json", file).code == 0
    links = json.loads(file.read_text())["links"]
    assert len(links) == 2 and links[0].startswith("https://lab.example/faces/join/")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600  # whoever has a link is the person
    other = turing("invite", study, "--public-url", "https://lab.example")
    assert (other.code, other.out) == (2, "")
    assert "served as https://lab.example/faces, so links to https://lab.example" in other.err


@pytest.mark.slow
def test_several_studies_are_served_below_their_names_and_say_where_they_are(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    for name in ("faces", "digits"):
        assert turing("create", tmp_path / "all" / name, *words).code == 0
    port = free_port()
    with listen("127.0.0.1", port):  # what is recorded is recorded once the address is taken
        taken = turing("serve", "--all", tmp_path / "all", "--no-browser", "--port", port)
    assert taken.code == 74 and served_address(tmp_path / "all" / "faces") is None
    command = [sys.executable, "-m", "convergan", "turing", "serve", "--no-browser"]
    options = ["--all", str(tmp_path / "all"), "--port", str(port)]
    server = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(2)]
        addresses = [f"http://127.0.0.1:{port}/{name}" for name in ("digits", "faces")]
        assert lines == [f"owner's page: {address}/owner\n" for address in addresses]
        link = turing("invite", tmp_path / "all" / "faces").out.strip()
        assert link.startswith(f"{addresses[1]}/join/")
        done = turing(
            *("simulate", tmp_path / "all" / "faces", "--annotators", 1),
            *("--url", addresses[1]),
        )
        assert done.code == 0, done.err
    finally:
        server.terminate()
        server.communicate(timeout=60)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ([], 2, "name the folder of a study, or --all FOLDER"),
        (["--all", "none"], 65, "there is no folder none"),
        (["--all", "empty"], 65, "empty holds no studies"),
        (["one/same", "two/same"], 2, "two studies are called same"),
        (["one/a b", "two/same"], 2, "'a b' cannot be a part of an address"),
        (["one/same", "two/owner"], 2, "'owner' cannot be a part of an address"),
    ],
)
def test_studies_that_cannot_be_served_together_are_one_line(
    turing: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = turing("serve", *words, "--no-browser")
    assert (done.code, done.err.count("\n")) == (code, 1)
    assert reason in done.err


@pytest.mark.slow
def test_a_backup_is_made_and_restored_and_never_over_something(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    study, copy = tmp_path / "study", tmp_path / "copy.zip"
    words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    assert turing("create", study, *words).code == 0
    made = turing("backup", study, copy)
    assert made.code == 0 and "0 votes of 0 sessions, 36 images; checked" in made.out
    assert "secret.key" in made.out
    for place in (study, copy):
        again = turing("backup", study, place)
        assert (again.code, again.err.count("\n")) == (2, 1)
    restored = turing("restore", copy, tmp_path / "again")
    assert restored.code == 0 and "36 images; checked" in restored.out
    assert turing("status", tmp_path / "again").code == 0


@pytest.mark.slow
def test_jpeg_files_against_others_are_warned_of(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    words = ("--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    assert "JPEG" not in turing("create", tmp_path / "png", "--real", real, *words).err
    (tmp_path / "photos").mkdir()
    for file in real.rglob("*.png"):
        Image.open(file).save(tmp_path / "photos" / f"{file.stem}.jpg", quality=95)
    made = turing("create", tmp_path / "study", "--real", tmp_path / "photos", *words)
    assert made.code == 0
    assert made.err.count("the artefacts of JPEG can be seen") == 1


@pytest.mark.slow
def test_results_are_a_table_a_page_and_files_that_say_the_same(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    study = tmp_path / "study"
    words = ("--real", real, "--fake", archive(tmp_path / "gan.npz"), "--trials", 6)
    assert turing("create", study, *words, "--annotators", 3).code == 0
    assert turing("simulate", study, "--annotators", 3, "--kind", "observer:d=2").code == 0
    files = {name: tmp_path / f"found.{name}" for name in ("csv", "json", "votes", "images")}
    options = [word for name, file in files.items() for word in (f"--{name}", file)]
    found = turing("results", study, *options)
    assert found.code == 0, found.err
    values = json.loads(files["json"].read_text())
    assert values["without_exclusion"]["error"]["votes"] == 18
    with files["votes"].open() as lines:
        votes = list(csv.DictReader(lines))
    assert len(votes) == 3 * (6 + 6)
    wrong = sum(vote["correct"] == "0" and vote["attention"] == "0" for vote in votes)
    assert values["without_exclusion"]["error"]["wrong"] == wrong
    assert "Error" in files["csv"].read_text()
    assert {vote["file_name"] for vote in votes} <= {
        *images_of(real),
        *(f"gan.npz[{n}]" for n in range(12)),
        "",
    }
    with files["images"].open() as lines:
        images = list(csv.DictReader(lines))
    assert {image["file_name"] for image in images if image["generated"] == "0"} == images_of(real)
    for image in images:
        mine = [vote for vote in votes if vote["image"] == image["image"]]
        assert int(image["votes"]) <= len(mine)
        assert not mine or {vote["file_name"] for vote in mine} == {image["file_name"]}
    assert ">Images that fool<" in (study / "results.html").read_text()
    assert (study / "results.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--trials", "30"], 65, "real has 12 images, but 30 trials need 34"),
        (["--trials", "0"], 2, "trials must be from 1"),
        (["--protocol", "timed", "--feedback", "off"], 2, "feedback must be on"),
        (["--margin", "0.7"], 2, "margin must be"),
        (["--fake", "wide.npz", "--trials", "6"], 65, "8x8 images, wide.npz 9x9"),
        (["--fake", "real", "--trials", "6"], 65, "real ones to the pixel"),
        (["--fake", "none.npz", "--trials", "6"], 65, "there is no file"),
        (["--fake", "empty", "--trials", "6"], 65, "no PNG or JPEG"),
        (["--trials", "6", "--database", "mysql://x"], 65, "postgresql"),
        (["--trials", "6", "--consent", "none.txt"], 2, "none.txt"),
        (["--trials", "6", "--consent", "gan.npz"], 2, "gan.npz is not a text in UTF-8"),
        (["--trials", "6", "--images", "-1"], 2, "--images"),
        (["--trials", "6", "--protocol", "quiz"], 2, "protocol must be one of"),
        (["--trials", "6", "--completion-code", "C1"], 2, "needs --recruiter prolific"),
        (["--trials", "6", "--recruiter", "prolific"], 2, "prolific needs completion-code"),
        (["--trials", "6", "--allow", "gan.npz"], 2, "--allow needs --recruiter"),
        (["--trials", "6", "--bonus", "much"], 2, "--bonus must be terms like"),
        (["--trials", "6", "--annotators", "0"], 2, "--annotators must be at least 1, got 0"),
        (["--min-reaction-ms", "-1"], 2, "--min-reaction-ms must be 0 or more, got -1.0"),
        (["--retention-days", "0"], 2, "--retention-days must be above 0 and at most 36,500"),
        (["--title", "x" * 201], 2, f"--title must be at most 200 letters, got '{'x' * 76}..."),
        (["--title", " "], 2, "--title is empty; leave it out"),
    ],
)
def test_what_cannot_be_a_study_is_one_line_and_leaves_nothing(
    turing: Command,
    tmp_path: Path,
    real: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    archive(tmp_path / "gan.npz")
    archive(tmp_path / "wide.npz", side=9)
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    done = turing("create", "study", "--real", "real", "--fake", "gan.npz", *options)
    assert done.code == code, done.err
    assert reason in " ".join(done.err.split())
    assert "Traceback" not in done.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_study_is_never_made_over_something(turing: Command, tmp_path: Path, real: Path) -> None:
    done = turing("create", real, "--real", real, "--fake", archive(tmp_path / "gan.npz"))
    assert (done.code, "exists" in done.err) == (2, True)
    assert len(list(real.rglob("*.png"))) == 12


def test_serving_what_is_no_study_or_where_another_listens_is_one_line(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    none = turing("serve", tmp_path, "--no-browser")
    assert (none.code, none.err.count("\n")) == (65, 1)
    fake = archive(tmp_path / "gan.npz")
    made = turing("create", tmp_path / "s", "--real", real, "--fake", fake, "--trials", 6)
    assert made.code == 0

    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        done = turing("serve", tmp_path / "s", "--no-browser", "--port", port)
    assert (done.code, done.err.count("\n")) == (74, 1)
    assert "cannot be listened on" in done.err


@pytest.mark.parametrize("url", ["study.example", "javascript:alert(1)", "https://", "http://a b"])
def test_an_address_that_no_browser_can_follow_is_refused(
    turing: Command, tmp_path: Path, url: str
) -> None:
    for words in (("invite",), ("serve", "--no-browser")):
        done = turing(words[0], tmp_path, *words[1:], "--public-url", url)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert "public-url must be like https://study.example" in done.err


@pytest.mark.parametrize("path", ["/a%20b", "/ä", "/x//y", "/../x", "/x/.", "/x;y"])
def test_a_path_that_proxies_write_in_several_ways_is_refused(
    turing: Command, tmp_path: Path, path: str
) -> None:
    done = turing("serve", tmp_path, "--no-browser", "--public-url", f"https://lab.example{path}")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "the path of public-url must be plain, like /study" in done.err


def test_a_database_that_turns_out_damaged_is_one_line(
    turing: Command, tmp_path: Path, real: Path
) -> None:
    study, fake = tmp_path / "study", archive(tmp_path / "gan.npz")
    assert turing("create", study, "--real", real, "--fake", fake, "--trials", 6).code == 0
    with sqlite3.connect(study / "study.sqlite3") as database:
        database.execute("DROP TABLE answers")
    database.close()
    for command in ("status", "results"):
        done = turing(command, study)
        assert (done.code, done.err.count("\n")) == (74, 1)
        assert "no such table: answers" in done.err


@pytest.mark.slow
def test_images_come_from_folders_archives_and_data_sets(tmp_path: Path, real: Path) -> None:
    assert len(read_images(str(real), 100, 0).pixels) == 12
    some = read_images(str(real), 5, 0)
    assert len(some.pixels) == len(some.labels) == 5
    assert read_images(str(real), 5, 0).labels == some.labels
    assert read_images(str(real), 5, 1).labels != some.labels
    assert read_images(str(archive(tmp_path / "gan.npz")), 100, 0).name == "gan.npz"
    digits = read_images("digits", 50, 0)
    assert digits.pixels.shape == (50, 8, 8)
    rows = np.zeros((30, 8, 8), np.uint8)
    np.savez(tmp_path / "data.npz", x_train=rows, y_train=np.arange(30) % 2)
    assert len(read_images(str(tmp_path / "data.npz"), 100, 0).pixels) == 30


def test_power_prints_how_many_people_are_needed(turing: Command) -> None:
    done = turing("power", "--half-widths", "5,2", "--votes", "100", "--rho", "0.05")
    assert done.code == 0
    assert done.out.split()[-5:] == ["143", "no", "bound", "20", "121"]
    alone = turing("power", "--half-widths", "5,2", "--votes", "100", "--json", "-")
    assert json.loads(alone.out) == [
        {"votes": votes, "half_width": half, "people": people}
        for votes, half, people in (
            *((100, 0.05, 23), (100, 0.02, 143)),
            *((None, 0.05, 20), (None, 0.02, 121)),
        )
    ]
    assert turing("power", "--votes", "many").code == 2
    assert turing("power", "--rho", "2").code == 2


def test_what_is_not_installed_is_named(
    turing: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turing_commands, "NEEDED", ("fastapi", "no_such_package"))
    done = turing("status", tmp_path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "needs no_such_package: pip install 'convergan[turing]'" in done.err


def test_help_of_the_study_loads_neither_server_nor_database() -> None:
    code = (
        "import sys; from convergan.cli import main\n"
        "sys.argv[1:] = ['turing', 'create', '--help']\n"
        "try: main.main()\nexcept SystemExit: pass\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "fastapi", "sqlalchemy", "numpy"} & set(done.stdout.split())
