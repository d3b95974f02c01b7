from pathlib import Path

import pytest

from convergan.core.images import decode
from convergan.photos.example import write_example
from convergan.photos.finding import find_photos


def test_the_example_has_sizes_labels_and_a_test(tmp_path: Path) -> None:
    counts = write_example(tmp_path / "digits")
    assert counts == {"labeled": 50, "unlabeled": 1247, "test": 500}
    found = find_photos(tmp_path / "digits")
    assert len(set(found.train.labels.tolist())) == 11 and len(found.test.labels) == 500
    sizes = {decode(found.train.files.read(n), None).size for n in range(50)}
    assert len(sizes) > 40
    with pytest.raises(ValueError, match="exists; the example is written to a new folder"):
        write_example(tmp_path / "digits")
