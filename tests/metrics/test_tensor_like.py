"""What goes in: tensors, arrays and lists give one figure; what is none of these is told so."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from convergan.metrics import (
    FeatureMoments,
    InceptionSums,
    TensorLike,
    class_coverage,
    classify,
    different_bins,
    frechet_distance,
    gaussian_clones,
    inception_score,
    kernel_distance,
    mode_coverage,
    nearest_rows,
    polynomial_discrepancy,
    precision_recall,
    score_contributions,
    select_best,
    sharpness,
    stacked_shares,
)
from convergan.metrics.tensor_like import as_tensor
from tests import oracles
from tests.oracles import chance

REAL, FAKE = oracles.draw(30, 3), oracles.draw(24, 3, seed=1) + 0.5
SURE = oracles.draw(20, 4, seed=2).softmax(dim=1)


def sums_of(rows: TensorLike) -> float:
    sums = InceptionSums(20, 2, 4)
    sums.update(0, rows)
    return sums.score().mean


def moments_of(rows: TensorLike) -> list[Any]:
    moments = FeatureMoments(3)
    moments.update(rows)
    found: list[Any] = moments.covariance.tolist()
    return found


TWO_SETS: dict[str, Callable[[TensorLike, TensorLike], Any]] = {
    "frechet_distance": lambda a, b: frechet_distance(a, b),
    "polynomial_discrepancy": lambda a, b: polynomial_discrepancy(a, b),
    "kernel_distance": lambda a, b: kernel_distance(real=a, fake=b, subset_size=9, chance=chance()),
    "precision_recall": lambda a, b: precision_recall(real=a, fake=b, neighbors=3),
    "different_bins": lambda a, b: different_bins(real=a, fake=b, bins=3, chance=chance()),
    "nearest_rows": lambda a, b: [x.tolist() for x in nearest_rows(queries=a, rows=b)],
    "mode_coverage": lambda a, b: mode_coverage(samples=a, centres=b, std=1.0),
}
ONE_SET: dict[str, tuple[torch.Tensor, Callable[[TensorLike], Any]]] = {
    "FeatureMoments": (REAL, moments_of),
    "InceptionSums": (SURE, sums_of),
    "inception_score": (SURE, lambda p: inception_score(p, splits=2)),
    "inception_score of logits": (REAL, lambda x: inception_score(logits=x, splits=2)),
    "score_contributions": (SURE, lambda p: score_contributions(p).tolist()),
    "select_best": (SURE[:, 0], lambda x: select_best(x, 0.2).tolist()),
    "class_coverage": (torch.tensor([0, 1, 1]), lambda x: class_coverage(x, [0.25, 0.25, 0.5])),
    "stacked_shares": (torch.full((10,), 0.1).double(), lambda x: stacked_shares(x).tolist()),
    "gaussian_clones": (
        REAL,
        lambda x: gaussian_clones(x, [0, 1] * 15, 2, chance()).tolist(),
    ),
    "classify": (
        torch.linspace(0, 1, 24).double().view(2, 3, 2, 2),
        lambda x: classify(lambda images: images.mean(dim=(2, 3)), x).tolist(),
    ),
    "sharpness": (
        torch.ones(4).double(),
        lambda x: sharpness(
            lambda w: w.square().sum(), x, epsilon=0.1, dimensions=2, chance=chance()
        ),
    ),
}


@pytest.mark.parametrize("name", TWO_SETS)
def test_arrays_and_lists_give_the_figure_of_tensors(name: str) -> None:
    figure = TWO_SETS[name]
    expected = figure(REAL, FAKE)
    assert figure(REAL.numpy(), FAKE.numpy()) == expected
    assert figure(REAL.tolist(), FAKE.tolist()) == expected
    assert figure(REAL, FAKE.numpy()) == expected


@pytest.mark.parametrize("name", ONE_SET)
def test_an_array_and_a_list_give_what_a_tensor_does(name: str) -> None:
    given, figure = ONE_SET[name]
    expected = figure(given)
    assert figure(given.numpy()) == expected
    assert figure(given.tolist()) == expected


@pytest.mark.parametrize("name", TWO_SETS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_every_floating_dtype_is_taken_and_they_may_differ(name: str, dtype: torch.dtype) -> None:
    figure = TWO_SETS[name]
    figure(REAL.to(dtype).requires_grad_(), FAKE.to(dtype))
    figure(REAL.to(dtype), FAKE)


@pytest.mark.parametrize("name", TWO_SETS)
@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (REAL[:, 0], FAKE, r"got torch.float64 \(30,\): one row is a sample"),
        (torch.rand(2, 3, 4, 4), FAKE, "look like images, take features of them first"),
        (REAL, FAKE[:, :2], "columns, got|widths must be equal"),
        (REAL, FAKE.long(), "int64 .*: convert them to float32 or float64$"),
        (REAL.where(REAL < 2, torch.nan), FAKE, "must be finite, row .* is not$"),
        (REAL[:0], FAKE, r"got torch.float64 \(0, 3\)$"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(
    name: str, first: torch.Tensor, second: torch.Tensor, reason: str
) -> None:
    assert len(REAL[REAL >= 2])
    with pytest.raises(ValueError, match=reason) as caught:
        TWO_SETS[name](first, second)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["frechet_distance", "polynomial_discrepancy", "kernel_distance"])
def test_fewer_rows_than_a_distance_needs_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="rows"):
        TWO_SETS[name](REAL[:1], FAKE)


@pytest.mark.parametrize("call", [inception_score, score_contributions])
def test_rows_by_position_are_probabilities_and_logits_are_told_their_keyword(
    call: Callable[[TensorLike], Any],
) -> None:
    call(SURE)
    with pytest.raises(ValueError, match="not be negative, got .*; logits are given as logits="):
        call(REAL)
    with pytest.raises(ValueError, match="sum to 1 .*; logits are given as logits="):
        call(SURE * 2)
    with pytest.raises(ValueError, match="^probabilities must .* torch.int64 .*: convert them"):
        call(torch.eye(20).long())


def test_a_result_of_one_figure_is_a_number() -> None:
    score = inception_score(SURE, splits=2)
    kernel = kernel_distance(real=REAL, fake=FAKE, subset_size=9, chance=chance())
    bins = different_bins(real=REAL, fake=FAKE, bins=3, chance=chance())
    assert (float(score), float(kernel)) == (score.mean, kernel.mean)
    assert float(bins) == bins.different and isinstance(float(bins), float)
    shares: Any = precision_recall(real=REAL, fake=FAKE, neighbors=3)
    with pytest.raises(TypeError, match="not 'PrecisionRecall'"):
        float(shares)


@pytest.mark.parametrize(
    "rows",
    [
        REAL.numpy()[::-1],
        REAL.numpy().T.copy().T,
        REAL.numpy().astype(">f8"),
        np.broadcast_to(REAL.numpy()[0], (5, 3)),
        list(REAL.numpy()),
    ],
)
def test_an_array_of_any_layout_keeps_its_numbers(rows: Any) -> None:
    found = as_tensor(rows, "features")
    assert found.dtype == torch.float64
    assert np.array_equal(found.numpy(), np.asarray(rows))


def test_nothing_is_copied_where_that_is_not_needed() -> None:
    rows = REAL.numpy().copy()
    assert as_tensor(rows, "rows").data_ptr() == rows.ctypes.data
    assert as_tensor(REAL, "rows") is REAL


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([[1.0], [1.0, 2.0]], "list"),
        (np.array(["a"]), "ndarray of <U1"),
        (np.ones((2, 2), dtype=object), "ndarray of object"),
        (None, "NoneType"),
        ("features", "str"),
    ],
)
def test_what_is_no_numbers_is_named(given: Any, kind: str) -> None:
    with pytest.raises(ValueError) as caught:
        as_tensor(given, "features")
    assert str(caught.value) == (
        f"features must be a tensor, an array or lists of numbers of one length, got {kind}"
    )
