import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from convergan.turing.results.analysis import Analysis, analyse
from convergan.turing.results.headline import headline
from convergan.turing.results.page import results_page
from convergan.turing.results.text import rows
from convergan.turing.simulation.observers import (
    AlwaysFake,
    Annotator,
    FastClicker,
    Learner,
    Observer,
    StaircaseObserver,
    simulate_votes,
)
from convergan.turing.statistics.votes import Design, Votes
from tests.turing.known_studies import DESIGN, votes_of


class Reader(HTMLParser):
    """Text, tags and pictures of a page; unbalanced tags are errors."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.text, self.open, self.pictures = "", list[str](), list[str]()
        self.feed(data.decode())
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.pictures.append(values["alt"] or "")
            assert (values["src"] or "").startswith("data:image/png;base64,")
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def study(people: list[Annotator], design: Design, models: tuple[str, ...]) -> tuple[Votes, bytes]:
    votes = simulate_votes(people, design, np.random.default_rng(0), models=models)
    return votes, results_page(analyse(votes, design, draws=200), votes, "Digits <2>")


def analysed(votes: Votes, design: Design) -> Analysis:
    return analyse(votes, design, draws=200)


SPLIT = replace(DESIGN, feedback="split")


def test_the_page_says_what_the_figures_say_and_what_they_do_not() -> None:
    people: list[Annotator] = [*[Learner(2.0)] * 10, AlwaysFake(), FastClicker()]
    votes, data = study(people, SPLIT, ("model",))
    page, analysis = Reader(data), analysed(votes, SPLIT)
    text = page.text.replace("\u00a0", " ")
    for sentence in headline(analysis):
        assert sentence in text
    for row in rows(analysis):
        assert row.quantity in text and row.meaning in text
    assert "anti-conservative: Wilson's interval" in text
    assert "2 of 12 annotators are excluded" in text
    assert (
        "without exclusion" in text
        and "partial sessions too" in text
        and "median reaction 80 ms, least 250 ms" in text
    )
    assert "version 1" in text and "2026-11-28T00:00:00+00:00" in text
    assert "What this does not say" in text
    assert len(page.pictures) == 5


def test_a_page_needs_no_other_file_and_runs_no_script() -> None:
    _, data = study([Observer(1.0)] * 3, DESIGN, ("model",))
    assert b"<script" not in data and not re.search(rb'(src|href)="(?!data:)', data)
    assert b"Digits &lt;2&gt;" in data


def test_a_timed_study_shows_its_staircases() -> None:
    design = replace(DESIGN, protocol="timed")
    votes, data = study([StaircaseObserver(300)] * 6, design, ("a", "b"))
    page = Reader(data)
    assert "exposure against trial number" in page.pictures
    assert "difference of modal exposure" in page.text and "flashing" in page.text
    assert "12 annotators" not in page.text


@pytest.mark.slow
def test_several_models_have_a_table_and_corrected_differences() -> None:
    _, data = study([Observer(1.0)] * 6, DESIGN, ("first & best", "second"))
    text = Reader(data).text
    assert "first & best less second" in text and "Tukey" in text and "Holm" in text


@pytest.mark.slow
def test_too_few_annotators_and_an_unfinished_study_are_cautions() -> None:
    _, begun = study([Observer(1.0)] * 14, DESIGN, ("model",))
    text = Reader(begun).text
    assert "With 14 annotators the intervals over annotators are too narrow" in text
    assert "14 of 30 annotators have finished" in text
    _, data = study([Observer(1.0)] * 30, DESIGN, ("model",))
    assert b'class="caution"' in begun and b'class="caution"' not in data


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1, 30])
def test_a_study_that_has_just_begun_has_a_page(first: int) -> None:
    votes = votes_of([Observer(1.0)])
    some = votes.select(np.arange(100) < first)
    page = Reader(results_page(analysed(some, DESIGN), some, "begun"))
    assert "What this does not say" in page.text


def test_a_study_of_excluded_people_alone_has_a_page() -> None:
    votes = votes_of([AlwaysFake()] * 3)
    text = Reader(results_page(analysed(votes, DESIGN), votes, "bad")).text
    assert "3 of 3 annotators were excluded (same answer above 0.9: 3), so no vote counts." in text
    assert "Error without exclusion" in text
