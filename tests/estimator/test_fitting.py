import numpy as np
import pytest

from convergan.estimator import fitting
from convergan.estimator.checks import Array
from convergan.estimator.fitting import (
    COMPONENTS,
    FitOptions,
    FitResult,
    choose_steps,
    fit_classifier,
    hold_out_unlabeled,
    log_realness,
    softmax,
)
from convergan.estimator.network import forward
from convergan.estimator.opinions import Reduced
from convergan.training import NonFiniteError
from tests.estimator.helpers import clusters

QUICK = FitOptions(max_epochs=3)


def marked(labels: Array, count: int) -> Array:
    """All but the first rows unlabelled."""
    return np.where(np.arange(len(labels)) < count, labels, -1)


def fitted(options: FitOptions = QUICK, columns: int = 4) -> tuple[FitResult, Array]:
    rows, labels = clusters(rows=240)
    chance = np.random.default_rng(1)
    rows = np.hstack([rows, chance.normal(size=(240, columns - 4))])
    return fit_classifier(rows, marked(labels, 30), 0, options), rows


def test_the_pool_is_of_all_opinions_and_its_powers_are_reported() -> None:
    found, rows = fitted()
    pool = found.pool
    assert [report.name for report in found.opinions] == list(pool.names)
    assert pool.names[-2:] == ("taught trees", "game")
    assert [report.power for report in found.opinions] == pytest.approx(pool.powers.tolist())
    assert [report.error is None for report in found.opinions] == [False] * 5 + [True] * 2
    total = sum(
        power * opinion.log_probabilities(rows)
        for power, opinion in zip(pool.powers, pool.opinions, strict=True)
    )
    wanted = softmax(total + pool.offset)
    np.testing.assert_allclose(np.exp(pool.log_probabilities(rows)), wanted, atol=1e-12)
    assert found.risk is not None and found.risk.rows[0] == 30


def test_wide_rows_are_reduced_and_opinions_take_them_as_they_are() -> None:
    found, rows = fitted(columns=COMPONENTS + 20)
    kinds = [isinstance(opinion, Reduced) for opinion in found.pool.opinions]
    assert kinds == [True, False, True, True, True, False, False]
    assert found.gan[0][0][0].shape[0] == COMPONENTS + 20
    assert forward(found.gan[0], rows).shape == (240, 3)
    assert found.pool.log_probabilities(rows).shape == (240, 3)


def test_a_game_that_diverges_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: object) -> None:
        raise NonFiniteError("a loss is not finite after step 7")

    monkeypatch.setattr(fitting, "train_game", diverge)
    found, rows = fitted()
    assert not {"game", "network"} & set(found.pool.names) and not found.gan
    assert any("step 7" in notice for notice in found.notices)
    assert np.isfinite(found.pool.log_probabilities(rows)).all()


def test_one_label_a_class_leaves_the_usual_powers() -> None:
    rows, labels = clusters(rows=240)
    found = fit_classifier(rows, marked(labels, 3), 0, QUICK)
    assert found.risk is None
    for report in found.opinions:
        assert report.error is None and report.power == pytest.approx(report.usual)
    assert (found.pool.log_probabilities(rows).argmax(axis=1) == labels).mean() > 0.85


def test_without_generated_rows_there_is_a_network_and_no_game() -> None:
    found, _ = fitted(FitOptions(max_epochs=1, generated_weight=0.0))
    assert found.pool.names[-1] == "network" and not found.gan


def test_unlabelled_rows_of_no_weight_are_no_evidence() -> None:
    found, _ = fitted(FitOptions(max_epochs=1, unlabeled_weight=0.0))
    powers = dict(zip(found.pool.names, found.pool.powers, strict=True))
    assert [name for name, power in powers.items() if not power] == [
        "graph",
        "graph of directions",
        "self-training",
        "taught trees",
        "network",
    ]


def test_class_shares_move_the_predictions() -> None:
    rows, labels = clusters(rows=240)
    found = {}
    for prior in ("uniform", "labels"):
        codes = marked(labels, 30)
        codes[:30][labels[:30] == 0] = -1  # fewer labels of the first class
        codes[0] = 0
        result = fit_classifier(rows, codes, 0, FitOptions(max_epochs=1, class_prior=prior))
        found[prior] = np.exp(result.pool.log_probabilities(rows))[:, 0].mean()
        assert result.class_shares.source == prior
    assert found["labels"] < found["uniform"]


def test_a_time_limit_holds_for_the_networks_together() -> None:
    lines: list[dict[str, float]] = []
    options = FitOptions(max_epochs=10**6, members=2, max_seconds=0.4, on_losses=lines.append)
    result, _ = fitted(options)
    assert len(result.gan) == 2 and len(lines) >= 2


@pytest.mark.parametrize(("unlabeled", "held"), [(199, 0), (200, 20), (990, 99), (20_000, 1000)])
def test_a_tenth_of_many_unlabelled_rows_is_kept_out(unlabeled: int, held: int) -> None:
    codes = np.r_[np.zeros(7, int), np.full(unlabeled, -1)]
    kept, out = hold_out_unlabeled(codes, np.random.default_rng(0))
    assert len(out) == held and (codes[out] < 0).all()
    assert sorted([*kept, *out]) == list(range(len(codes))) and (np.diff(kept) > 0).all()


@pytest.mark.parametrize(
    ("rows", "epochs", "steps"),
    [(50, None, 500), (9_000, None, 900), (60_000, None, 1000), (1000, 3, 30), (20, 3, 3)],
)
def test_a_training_has_ten_epochs_within_limits_or_those_asked_for(
    rows: int, epochs: int | None, steps: int
) -> None:
    assert choose_steps(rows, 100, epochs) == steps


def test_log_d_is_the_mean_of_the_members() -> None:
    members = [[(np.array([[a, -a]]), np.zeros(2))] for a in (1.0, 3.0)]
    rows = np.array([[0.5], [-2.0]])
    sums = [np.exp(rows @ layers[0][0]).sum(axis=1) for layers in members]
    wanted = np.mean([np.log(total / (1 + total)) for total in sums], axis=0)
    np.testing.assert_allclose(log_realness(members, rows), wanted)
    assert log_realness([], rows).shape == (0,)
