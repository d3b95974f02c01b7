from convergan.turing.results.formats import number, p_value, span
from convergan.turing.statistics.intervals import Interval


def test_figures_are_spelled_alike() -> None:
    assert span(Interval(-0.5, 0.25), number) == "-0.50 to 0.25"
    assert number(-0.001) == "0.00"
    assert p_value(0.001) == "0.001" and p_value(0.0009) == "below 0.001"
