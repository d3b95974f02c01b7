"""The network of the paper, where its library is installed and where not."""

import importlib.util
from pathlib import Path

import pytest

from convergan.metrics import find_extractor


@pytest.mark.skipif(
    importlib.util.find_spec("torch_fidelity") is not None, reason="torch-fidelity is installed"
)
def test_inception_names_the_extra_that_it_needs() -> None:
    with pytest.raises(ValueError, match=r"pip install 'convergan\[inception\]'$"):
        find_extractor("inception")


def test_inception_checks_the_hash_of_its_weights_before_it_reads_them(tmp_path: Path) -> None:
    pytest.importorskip("torch_fidelity")
    file = tmp_path / "weights.pth"
    file.write_bytes(b"other weights")
    with pytest.raises(ValueError, match="weights.pth hashes to .*, expected 6726825d$"):
        find_extractor(f"inception:{file}")
    with pytest.raises(ValueError, match="there are no weights at lost.pth$"):
        find_extractor("inception:lost.pth@12345678")
