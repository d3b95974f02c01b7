"""What goes to which stream, and how."""

import pytest

from convergan.cli.console import errors, print_line


@pytest.mark.parametrize("text", ["runs/[bold]x[/bold]/a.html", "12 of 345 'rows'", "long " * 100])
def test_a_line_of_results_is_printed_as_it_is(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_line(text)
    assert capsys.readouterr() == (f"{text}\n", "")


def test_errors_leave_the_results_alone(capsys: pytest.CaptureFixture[str]) -> None:
    errors.print("lost")
    assert capsys.readouterr() == ("", "lost\n")
