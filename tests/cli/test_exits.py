"""Exit codes and the one line for each kind of error."""

import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from convergan.cli.exits import UnfinishedError, explain, run_in_every_process, write_aside
from convergan.collective import ALONE, PeerLeftError, PeerLostError, Ranks
from convergan.core.signals import Interrupted
from convergan.data import DataError
from convergan.training import CheckpointError, NonFiniteError
from convergan.turing.errors import StudyError
from tests.cli.refused import Ask


@pytest.fixture(autouse=True)
def _files_in_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


ERRORS: list[tuple[Exception, int]] = [
    (UnfinishedError("1 of 2"), 1),
    (ValueError("wrong"), 2),
    (DataError("damaged", ["a.png"]), 65),
    (CheckpointError("of another run"), 65),
    (StudyError("closed"), 65),
    (NonFiniteError("the loss"), 70),
    (OSError("no space"), 74),
    (FileNotFoundError("lost.py"), 74),
    (PeerLostError("rank 1"), 75),
    (PeerLeftError(70, "of rank 0"), 70),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: type(value).__name__)
def test_each_kind_of_error_has_its_code_and_its_message(
    tmp_path: Path, error: Exception, code: int
) -> None:
    assert explain(error) == (code, str(error))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "code", "name"), [(signal.SIGINT, 130, "SIGINT"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_ends_with_128_and_its_number(number: int, code: int, name: str) -> None:
    assert explain(Interrupted(number, "after step 3")) == (
        code,
        f"stopped by {name} after step 3",
    )


@pytest.mark.parametrize("kind", [ValueError, OSError, DataError, NonFiniteError, UnfinishedError])
def test_a_message_of_several_lines_becomes_one(kind: type[Exception]) -> None:
    _, line = explain(kind("one\n  two\tthree\n"))
    assert line == "one two three"


def test_more_files_than_the_message_names_are_in_a_file_of_their_own(tmp_path: Path) -> None:
    files = [f"{number}.png: zero bytes" for number in range(21)]
    assert explain(DataError("damaged", files[:20])) == (65, "damaged")
    code, line = explain(DataError("damaged", files))
    start, _, name = line.partition("; all are in ")
    assert (code, start) == (65, "damaged")
    assert Path(name).name == "unreadable.txt" and tmp_path in Path(name).parents
    assert Path(name).read_text().split("\n") == files


def test_what_nobody_expected_ends_with_1_and_its_traceback_in_a_file(tmp_path: Path) -> None:
    try:
        raise KeyError("lost\nin two lines")
    except KeyError as error:
        code, line = explain(error)
    start, _, name = line.partition("; the traceback is in ")
    assert (code, start) == (1, "unexpected KeyError: 'lost\\nin two lines'")
    text = Path(name).read_text()
    assert text.startswith("Traceback (most recent call last):") and "test_exits.py" in text


def test_what_is_written_aside_is_in_a_new_folder_each_time(tmp_path: Path) -> None:
    one, other = write_aside("a.txt", "η one"), write_aside("a.txt", "other")
    assert one != other and one.name == other.name == "a.txt"
    assert (one.read_text(encoding="utf-8"), other.read_text()) == ("η one", "other")
    assert one.parent.name.startswith("convergan-") and one.parent.parent == tmp_path


# --- several processes ---------------------------------------------------------------------------


class Recorded(Ranks):
    """One process of two, that notes how it ended."""

    size = 2

    def __init__(self, rank: int, *, first: bool = False) -> None:
        self.rank = rank
        self.first = first
        self.ended: list[Any] = []

    def finish(self) -> None:
        self.ended.append("finished")

    def leave(self, code: int, message: str) -> bool:
        self.ended.append((code, message))
        return self.first


def failing(error: Exception) -> Any:
    def work(ranks: Ranks) -> None:
        raise error

    return work


def test_work_that_is_done_finishes_with_the_ranks_it_was_given() -> None:
    ranks, seen = Recorded(1), list[Ranks]()
    run_in_every_process(seen.append, ranks)
    assert seen == [ranks] and ranks.ended == ["finished"]


def test_rank_0_leaves_with_what_the_error_is_explained_by() -> None:
    ranks, cause = Recorded(0), NonFiniteError("the loss")
    with pytest.raises(PeerLeftError, match="^the loss$") as left:
        run_in_every_process(failing(cause), ranks)
    assert left.value.code == 70 and left.value.__cause__ is cause
    assert ranks.ended == [(70, "the loss")]
    with pytest.raises(PeerLeftError, match="^wrong$"):
        run_in_every_process(failing(ValueError("wrong")), ALONE)


@pytest.mark.parametrize(
    ("error", "first", "prints"),
    [
        (ValueError("wrong"), True, False),
        (PeerLostError("rank 0 is lost", rank_0=True), True, True),
        (PeerLostError("rank 0 is lost", rank_0=True), False, False),
        (PeerLostError("rank 2 is lost"), True, False),
    ],
)
def test_another_rank_prints_only_where_it_is_the_first_to_notice_that_rank_0_is_lost(
    error: Exception, first: bool, prints: bool
) -> None:
    ranks, code = Recorded(1, first=first), explain(error)[0]
    with pytest.raises((PeerLeftError, SystemExit)) as left:
        run_in_every_process(failing(error), ranks)
    assert isinstance(left.value, PeerLeftError if prints else SystemExit)
    assert isinstance(left.value, PeerLeftError | SystemExit)  # for the types
    assert left.value.code == code and ranks.ended == [(code, str(error))]


# --- lost files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train", "lost.py:f"], "no file lost.py to take the recipe f from"),
        (["report", "nowhere"], "nowhere is not the folder of a run"),
        (["sample", "nowhere"], "nowhere is not the folder of a run"),
        (["predict", "nowhere", "lost.csv"], "nowhere is not a model folder"),
        (["fit", "lost.csv", "--target", "a", "--out", "m"], "there is no file lost.csv"),
        (["scan", "lost.csv"], "there is no file lost.csv"),
        (["train", "digits", "--data", "lost.npz"], "there is no file lost.npz"),
        (["score", "lost.npz", "--against", "digits", "--extractor", "mnist"], "lost.npz"),
        (["score", "digits", "--against", "digits", "--extractor", "lost.py:f"], "no file lost.py"),
        (["turing", "results", "lost"], "there is no study lost"),
    ],
)
def test_what_is_not_there_ends_with_one_exit_code_everywhere(
    ask: Ask, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    code, line = ask(*arguments)
    assert code == 65 and reason in line
    assert not list(tmp_path.iterdir())
