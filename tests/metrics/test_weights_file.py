import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

from convergan.metrics.weights_file import parse_tensors, read_pinned


def test_bytes_come_back_where_the_hash_or_its_first_digits_agree(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"a": torch.ones(2)}, file)
    whole = hashlib.sha256(file.read_bytes()).hexdigest()
    for digits in (whole, whole[:8], whole.upper()):
        assert torch.equal(parse_tensors(read_pinned(file, digits), "x")["a"], torch.ones(2))


def test_another_hash_or_no_file_is_refused_before_anything_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"anything")
    found = hashlib.sha256(b"anything").hexdigest()
    with pytest.raises(ValueError, match=f"hashes to {found}, expected 6726825d$"):
        read_pinned(file, "6726825d")
    with pytest.raises(ValueError, match="^there are no weights at .*lost.pth$"):
        read_pinned(tmp_path / "lost.pth", "6726825d")


def test_what_would_run_or_is_no_tensor_by_name_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    for held in (nn.Linear(1, 1), {"a": 1}, [torch.ones(1)]):
        torch.save(held, file)
        with pytest.raises(ValueError, match="^mine does not hold tensors by name") as caught:
            parse_tensors(file.read_bytes(), "mine")
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="^mine does not hold tensors by name"):
        parse_tensors(b"not a file of torch", "mine")
