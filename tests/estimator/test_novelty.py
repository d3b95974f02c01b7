import numpy as np
import pytest

from convergan.estimator.checks import Array
from convergan.estimator.novelty import MOST_LABELED, unseen_class_pvalue

UNEVEN = [0.1, 0.3, 0.6]


def rows_of(
    shares: list[float], *, rows: int = 300, labeled: int = 5, seed: int = 0
) -> tuple[Array, Array, Array]:
    """Clusters, one a class: labelled rows, labels, other rows."""
    chance, classes = np.random.default_rng(seed), len(shares)
    true = chance.choice(classes, rows, p=shares)
    points = chance.normal(size=(rows, 6)) + 6 * np.eye(6)[true]
    given = np.concatenate([np.flatnonzero(true == k)[:labeled] for k in range(classes)])
    return points[given], true[given], np.delete(points, given, axis=0)


@pytest.mark.parametrize("hidden", [0, 1, 2, 3])
def test_a_class_that_no_label_names_is_found(hidden: int) -> None:
    labeled, labels, others = rows_of([0.25] * 4, labeled=10)
    others = np.vstack([others, labeled[labels == hidden]])
    kept = labels != hidden
    pvalue = unseen_class_pvalue(labeled[kept], labels[kept], others, seed=0)
    assert pvalue is not None and pvalue <= 0.01


def test_pvalues_are_even_or_higher_where_every_class_has_labels() -> None:
    found = [
        unseen_class_pvalue(*rows_of(UNEVEN, rows=120, seed=seed), seed=seed) for seed in range(20)
    ]
    pvalues = np.array(found, dtype=float)
    assert (pvalues <= 0.1).sum() <= 5  # binomial of 20 and a tenth: 5 or fewer in 99 %
    assert 0.3 < pvalues.mean()


def test_it_depends_on_the_seed_alone_and_on_no_order_of_classes() -> None:
    labeled, labels, others = rows_of(UNEVEN)
    one = unseen_class_pvalue(labeled, labels, others, seed=1)
    assert one == unseen_class_pvalue(labeled, labels, others, seed=1)
    assert one is not None and one * 200 == pytest.approx(round(one * 200))


def test_too_few_rows_or_classes_tell_nothing() -> None:
    labeled, labels, others = rows_of(UNEVEN)
    assert unseen_class_pvalue(labeled, labels, others[:19], seed=0) is None
    assert unseen_class_pvalue(labeled[labels == 1], labels[labels == 1], others, seed=0) is None


def test_many_labels_are_looked_at_in_part() -> None:
    labeled, labels, others = rows_of([0.3, 0.7], rows=4 * MOST_LABELED, labeled=MOST_LABELED)
    pvalue = unseen_class_pvalue(labeled, labels, others, seed=0)
    assert pvalue is not None and pvalue > 0.05
