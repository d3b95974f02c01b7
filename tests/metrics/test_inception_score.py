import math

import pytest
import torch
from torch import Tensor

from convergan.metrics import InceptionScore, inception_score
from tests import oracles


def scored(
    name: str, rows: Tensor, splits: int = 10, shuffle: torch.Generator | None = None
) -> InceptionScore:
    """The score of rows that are logits or probabilities."""
    if name == "logits":
        return inception_score(logits=rows, splits=splits, shuffle=shuffle)
    return inception_score(probabilities=rows, splits=splits, shuffle=shuffle)


def sure(classes: list[int], number: int) -> Tensor:
    """Rows that are certain of their class."""
    return torch.eye(number, dtype=torch.float64)[classes]


@pytest.mark.parametrize(
    ("rows", "splits"), [(300, 3), (60, 10), (57, 10), (13, 5), (7, 7), (9, 1)]
)
def test_scores_are_those_of_the_slow_loop(rows: int, splits: int) -> None:
    logits = 4 * oracles.draw(rows, 6)
    probabilities = logits.softmax(dim=1)
    mean, std = oracles.inception_score(probabilities.numpy(), splits)
    for score in (
        inception_score(probabilities=probabilities, splits=splits),
        inception_score(logits=logits, splits=splits),
    ):
        assert score.mean == pytest.approx(mean, rel=1e-12)
        assert score.std == pytest.approx(std, rel=1e-9, abs=1e-12)
        assert score[2:5] == (splits, rows, 6)


def test_score_is_one_when_every_prediction_is_uniform() -> None:
    score = inception_score(probabilities=torch.full((50, 8), 1 / 8))
    assert score.mean == pytest.approx(1, rel=1e-12) and score.std == pytest.approx(0, abs=1e-12)


def test_score_is_one_when_all_predictions_agree() -> None:
    prediction = oracles.draw(1, 5).softmax(dim=1)
    assert inception_score(probabilities=prediction.expand(40, 5)).mean == pytest.approx(1)


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_score_is_the_number_of_classes_when_sure_and_even(classes: int) -> None:
    score = inception_score(probabilities=sure(list(range(classes)) * 20, classes), splits=4)
    assert score.mean == pytest.approx(classes, rel=1e-12)
    assert score.std == pytest.approx(0, abs=1e-9)


def test_score_of_sure_predictions_is_exp_of_the_entropy_of_their_frequencies() -> None:
    frequencies = [0.5, 0.3, 0.2]
    score = inception_score(probabilities=sure([0] * 5 + [1] * 3 + [2] * 2, 3), splits=1)
    assert score.mean == pytest.approx(math.exp(-sum(f * math.log(f) for f in frequencies)))


def test_score_of_nine_right_in_ten_is_the_known_one() -> None:
    wrong = torch.full((10, 10), 0.1 / 9, dtype=torch.float64)
    probabilities = wrong + (0.9 - 0.1 / 9) * torch.eye(10, dtype=torch.float64)
    score = inception_score(probabilities=probabilities, splits=1)
    assert score.mean == pytest.approx(5.7995, abs=5e-5)


def test_order_inside_a_split_and_names_of_classes_do_not_matter() -> None:
    probabilities = (3 * oracles.draw(40, 5)).softmax(dim=1)
    chance = torch.Generator().manual_seed(1)
    mixed = torch.cat(
        [part[torch.randperm(10, generator=chance)] for part in torch.split(probabilities, 10)]
    )
    renamed = probabilities[:, torch.randperm(5, generator=chance)]
    expected = inception_score(probabilities=probabilities, splits=4)
    for other in (mixed, renamed):
        score = inception_score(probabilities=other, splits=4)
        assert score[:2] == pytest.approx(expected[:2], rel=1e-12)


def test_order_across_splits_matters() -> None:
    by_class = sure([0] * 10 + [1] * 10, 2)
    assert inception_score(probabilities=by_class, splits=2).mean == pytest.approx(1)
    assert inception_score(probabilities=by_class, splits=1).mean == pytest.approx(2)


def test_twice_the_same_rows_in_one_split_have_the_same_score() -> None:
    probabilities = oracles.draw(15, 4).softmax(dim=1)
    scores = [
        inception_score(probabilities=rows, splits=1).mean
        for rows in (probabilities, probabilities.repeat(2, 1))
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-12)


@pytest.mark.parametrize("scale", [1e3, 1e30, 1e308])
def test_scores_stay_finite_where_probabilities_underflow(scale: float) -> None:
    logits = scale * torch.eye(3, dtype=torch.float64) - scale / 2
    for score in (
        inception_score(logits=logits, splits=1),
        inception_score(probabilities=logits.softmax(dim=1), splits=1),
    ):
        assert score.mean == pytest.approx(3)
    tiny = torch.tensor([[1.0, 5e-324], [5e-324, 1.0]], dtype=torch.float64)
    assert inception_score(probabilities=tiny, splits=1).mean == pytest.approx(2)


def test_low_precision_is_reduced_in_float64() -> None:
    logits = oracles.draw(50, 6).float()
    expected = inception_score(logits=logits.double())
    assert inception_score(logits=logits) == expected
    rounded = inception_score(probabilities=logits.softmax(dim=1))
    assert rounded.mean == pytest.approx(expected.mean, rel=1e-5)


def test_a_score_says_how_it_was_taken() -> None:
    line = str(inception_score(probabilities=sure([0, 1] * 600, 2), splits=3))
    assert line == (
        "inception score 2.000 +- 0.000: exp(mean KL(p(y|x) || p(y))), mean and population "
        "deviation of 3 splits, 1,200 rows as given, 2 classes, classifier not named"
    )


def test_every_variant_is_named_in_the_result() -> None:
    score = inception_score(
        logits=oracles.draw(20, 3),
        splits=4,
        correction=1,
        shuffle=torch.Generator().manual_seed(0),
        classifier="small, bilinear, with bias",
    )
    assert score[2:] == (4, 20, 3, 1, "shuffled", "small, bilinear, with bias")
    assert str(score).endswith(
        "mean and sample deviation of 4 splits, 20 rows shuffled, 3 classes, "
        "classifier small, bilinear, with bias"
    )


def test_the_deviation_of_a_sample_is_larger_by_the_known_factor() -> None:
    logits = oracles.draw(60, 4)
    population, sample = (inception_score(logits=logits, correction=c) for c in (0, 1))
    assert sample.mean == population.mean
    assert sample.std == pytest.approx(population.std * math.sqrt(10 / 9), rel=1e-12)


@pytest.mark.parametrize(("splits", "correction"), [(1, 1), (5, 2), (5, -1)])
def test_a_correction_that_leaves_no_split_is_refused(splits: int, correction: int) -> None:
    with pytest.raises(ValueError, match=f"^correction must be 0.*got {correction}$"):
        inception_score(logits=torch.zeros(9, 2), splits=splits, correction=correction)


@pytest.mark.parametrize("name", ["probabilities", "logits"])
def test_a_shuffled_score_is_that_of_the_rows_in_the_drawn_order(name: str) -> None:
    logits = 3 * oracles.draw(43, 5)
    rows = logits if name == "logits" else logits.softmax(dim=1)
    order = torch.randperm(43, generator=torch.Generator().manual_seed(3))
    shuffled = scored(name, rows, shuffle=torch.Generator().manual_seed(3))
    assert shuffled == scored(name, rows[order])._replace(order="shuffled")
    assert shuffled.mean != scored(name, rows).mean


def test_a_score_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    inception_score(logits=oracles.draw(20, 3), shuffle=torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["probabilities", "logits"])
@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            torch.ones(3),
            r"a floating point matrix \(N, K\), got torch.float32 \(3,\): one row is a sample, "
            r"a single column has shape \(N, 1\)",
        ),
        (torch.ones(0, 3), r"got torch.float32 \(0, 3\)"),
        (torch.ones(3, 0), r"got torch.float32 \(3, 0\)"),
        (torch.ones(3, 1).long(), r"got torch.int64 \(3, 1\): convert them to float32 or float64"),
        (torch.tensor([[1.0, 0.0], [math.nan, 0.5]]), "finite, row 1 is not"),
        (torch.tensor([[math.inf, 0.0], [0.5, 0.5]]), "finite, row 0 is not"),
    ],
)
def test_what_is_no_matrix_of_numbers_is_refused(name: str, rows: Tensor, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be.*{reason}$"):
        scored(name, rows, splits=1)


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative, got -0.25; logits are given as"):
        inception_score(probabilities=torch.tensor([[1.25, -0.25]]), splits=1)
    with pytest.raises(ValueError, match="to 1 within 0.0001, row 1 sums to 1.001; logits are"):
        inception_score(probabilities=torch.tensor([[0.5, 0.50005], [0.5, 0.501]]), splits=1)


@pytest.mark.parametrize("splits", [0, -1, 6])
def test_splits_without_rows_are_refused(splits: int) -> None:
    with pytest.raises(ValueError, match=f"^splits must be from 1 to the 5 rows, got {splits}$"):
        inception_score(logits=torch.zeros(5, 2), splits=splits)


def test_exactly_one_kind_of_rows_is_taken() -> None:
    rows = torch.full((10, 2), 0.5)
    with pytest.raises(ValueError, match="either probabilities or logits, got neither$"):
        inception_score()
    with pytest.raises(ValueError, match="either probabilities or logits, got both of them$"):
        inception_score(probabilities=rows, logits=rows)
