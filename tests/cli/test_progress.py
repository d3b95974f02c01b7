"""What is shown of a loop's events where there is no terminal, and what comes out of it."""

from collections.abc import Generator, Iterator
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from convergan.cli.progress import Bars, bars_of, figures, finish, show_progress
from convergan.core.progress import Progress


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ({}, ""),
        ({"test_error": 0.12345, "found": 3.0, "kl": 0.1, "generator_loss": 1.0}, "error 12.35%"),
        ({"test_error": 0.0}, "error 0.00%"),
        ({"test_error": None, "generator_loss": 0.5}, "generator 0.50"),
        ({"found": 7.0, "kl": 0.12345, "generator_loss": 1.0}, "7 modes, KL 0.123"),
        (
            {"step": 3, "discriminator_loss": 1.386, "generator_loss": 0.693},
            "discriminator 1.39 generator 0.69",
        ),
    ],
)
def test_figures_are_the_error_or_the_modes_or_the_losses(
    metrics: dict[str, Any], text: str
) -> None:
    assert figures(metrics) == text


def events(method: str, steps: int) -> Iterator[Progress]:
    yield Progress(method, 0, steps, {})
    for step in range(1, steps + 1):
        yield Progress(method, step, steps, {"test_error": step / steps})


@pytest.mark.parametrize("steps", [10, 1000, 20_000])
def test_without_a_terminal_ten_lines_are_printed(
    capsys: pytest.CaptureFixture[str], steps: int
) -> None:
    show_progress(events("GAN", steps))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f"GAN {tenth * steps // 10:,}/{steps:,} error {tenth}0.00%" for tenth in range(1, 11)
    ]


@pytest.mark.parametrize("steps", [11, 19, 25])
def test_a_number_of_steps_that_ten_does_not_divide_has_ten_lines_too(
    capsys: pytest.CaptureFixture[str], steps: int
) -> None:
    show_progress(events("GAN [knn]", steps))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == f"GAN [knn] {steps}/{steps} error 100.00%"


def test_a_notice_takes_no_line_away(capsys: pytest.CaptureFixture[str]) -> None:
    show_progress(iter([Progress("GAN", 1, 1, {"test_error": 0.5}, notices=("step 1",))]))
    assert capsys.readouterr().err.splitlines() == ["step 1", "GAN 1/1 error 50.00%"]


def test_fewer_steps_than_ten_have_a_line_each_and_each_method_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_progress(iter([*events("GAN", 2), Progress("knn", 1, 1, {"test_error": 0.5})]))
    assert capsys.readouterr().err.splitlines() == [
        *("GAN 1/2 error 50.00%", "GAN 2/2 error 100.00%", "knn 1/1 error 50.00%")
    ]


def test_notices_are_shown_as_they_are_and_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    notice = "[bold]/a/folder[/bold] " + "could not be written " * 9
    show_progress(iter([Progress("GAN", 0, 20, {}, notices=(notice, "again"))]))
    assert capsys.readouterr().err.splitlines() == [notice, "again"]


def test_a_slow_method_has_a_line_every_half_minute_with_the_time_that_is_left() -> None:
    times = iter([0.0, 10.0, 29.0, 30.0, 45.0, 62.0, 1000.0])
    console = Console(file=StringIO(), width=200)
    bars = Bars(bars_of(console), lambda: next(times))
    for step in range(7):
        bars.show(Progress("GAN", step, 100, {}))
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == [
        *("GAN 3/100, 16 min left", "GAN 5/100, 20 min left", "GAN 6/100, 4.4 h left")
    ]


def test_without_events_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_progress(iter(()))
    assert capsys.readouterr() == ("", "")


def test_an_error_before_the_first_step_comes_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def failing() -> Iterator[Progress]:
        raise ValueError("refused")
        yield Progress("GAN", 0, 1, {})

    with pytest.raises(ValueError, match="refused"):
        show_progress(failing())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("shown", [True, False])
def test_the_result_comes_out_once_every_event_has_passed(
    capsys: pytest.CaptureFixture[str], shown: bool
) -> None:
    passed: list[int] = []

    def working() -> Generator[Progress, None, str]:
        for event in events("scores", 3):
            yield event
            passed.append(event.step)
        return "the score"

    assert finish(working(), shown=shown) == "the score"
    assert passed == [0, 1, 2, 3]
    assert len(capsys.readouterr().err.splitlines()) == 3 * shown


@pytest.mark.parametrize("shown", [True, False])
def test_a_result_without_events_comes_out_as_well(shown: bool) -> None:
    def known() -> Generator[Progress, None, int]:
        yield from ()
        return 7

    assert finish(known(), shown=shown) == 7
