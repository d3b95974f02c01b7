"""Errors of a classifier."""

import torch
from pytest import approx

from convergan.training import count_errors


def test_errors_are_those_off_the_diagonal() -> None:
    predictions, labels = torch.tensor([0, 1, 1, 2, 0]), torch.tensor([0, 1, 2, 2, 2])
    error, confusion = count_errors(predictions, labels, 3)
    assert error == approx(2 / 5)
    assert confusion.tolist() == [[1, 0, 0], [0, 1, 0], [1, 1, 1]]  # true class by predicted


def test_a_class_without_rows_has_a_row_of_zeros() -> None:
    _, confusion = count_errors(torch.tensor([0]), torch.tensor([0]), 2)
    assert confusion.tolist() == [[1, 0], [0, 0]]


def test_no_rows_are_no_errors() -> None:
    nothing = torch.empty(0, dtype=torch.int64)
    assert count_errors(nothing, nothing, 2).error == 0
