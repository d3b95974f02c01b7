from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from convergan.embedding import TextNetwork, embed_texts


class Lengths:
    """A network of lengths that counts the texts that it is given."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Any:
        self.seen += texts
        return np.array([[len(text), text.count("a")] for text in texts], dtype=np.float64)


def test_each_text_is_computed_once_and_keeps_its_place() -> None:
    lengths = Lengths()
    network = TextNetwork("own", "lengths", lengths)
    texts = ["banana", "", "a" * 300, "banana", "x"] + [f"text {n}" for n in range(100)]
    rows = embed_texts(texts, network)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[len(text), text.count("a")] for text in texts]
    assert len(lengths.seen) == 104
    assert np.array_equal(embed_texts(texts[::-1], network), rows[::-1])
    assert len(lengths.seen) == 104


def test_no_texts() -> None:
    assert embed_texts([], TextNetwork("own", "none", Lengths())).shape == (0, 0)


def test_surrogates_are_texts() -> None:
    assert embed_texts(["\udce9"], TextNetwork("own", "surrogates", Lengths())).tolist() == [[1, 0]]


@pytest.mark.parametrize("found", [[1.0, 2.0], [[1.0], [np.nan]], [[1.0]]])
def test_other_features_are_refused(found: Any) -> None:
    with pytest.raises(ValueError, match=r"extractor odd must give finite features \(2, width\)"):
        embed_texts(["a", "b"], TextNetwork("own", "odd", lambda texts: np.array(found)))


def test_progress_reaches_the_end() -> None:
    steps = []
    texts = [str(n) for n in range(130)]
    network = TextNetwork("own", "steps", Lengths())
    embed_texts(texts, network, report=lambda p: steps.append((p.step, p.steps)))
    assert steps == [(0, 130), (64, 130), (128, 130), (130, 130)]
