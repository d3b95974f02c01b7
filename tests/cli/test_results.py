import pytest

from convergan.cli.options import show_notes
from convergan.cli.results import show_error
from convergan.tabular.prediction import ErrorRate


def test_notices_are_no_results(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convergan.cli.console.errors.quiet", True)
    show_error(ErrorRate(200, 30, 0.1, 0.21), "rows")
    show_notes(["one"])
    show_notes(["two"])
    assert capsys.readouterr().out == (
        "error: 15.00%, 30 of 200 labelled rows, 95% interval 10.00% to 21.00%\n"
    )


def test_an_error_is_printed_with_its_interval(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(ErrorRate(200, 30, 0.1, 0.21), "photographs")
    show_error(None, "photographs")
    show_notes(["one", "two"])
    assert capsys.readouterr().out == (
        "error: 15.00%, 30 of 200 labelled photographs, 95% interval 10.00% to 21.00%\n"
        "note: one\nnote: two\n"
    )
