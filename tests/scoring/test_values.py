"""The figures of each metric from features and logits, and their settings."""

import pytest
import torch

from convergan.core.chance import derive
from convergan.metrics import (
    FeatureMoments,
    different_bins,
    extract,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from convergan.scoring.values import METRICS, ScoreSettings, find_nearest
from tests.scoring.digits import DIGITS, PIXELS

SAMPLES, REFERENCE, HELD_OUT = (
    extract(PIXELS, rows) for rows in torch.split(DIGITS[:320], [60, 200, 60])
)


def values(metric: str) -> dict[str, float]:
    found = METRICS[metric](SAMPLES, REFERENCE, "pixels", ScoreSettings(seed=3))
    assert all(figure.definition.endswith("extractor pixels") for figure in found)
    return {figure.name: figure.value for figure in found}


def test_distances_are_those_of_the_samples_to_the_reference() -> None:
    moments = [FeatureMoments(64), FeatureMoments(64)]
    for held, found in zip(moments, (SAMPLES, REFERENCE), strict=True):
        held.update(found.features)
    assert values("fid") == {"Frechet distance": frechet_distance(*moments)}
    chance = derive(3, "score subsets")
    kernel = kernel_distance(  # the samples' subsets are drawn first, as in 0.13
        real=SAMPLES.features, fake=REFERENCE.features, subset_size=60, chance=chance
    )
    assert values("kid") == {"kernel distance": kernel.mean}


def test_shares_tell_real_rows_from_samples() -> None:
    found = precision_recall(real=REFERENCE.features, fake=SAMPLES.features, neighbors=5)
    names = ("precision", "recall", "density", "coverage")
    assert values("prdc") == dict(zip(names, found[:4], strict=True))


def test_there_is_a_bin_for_ten_rows_of_the_reference() -> None:
    found = different_bins(
        real=REFERENCE.features, fake=SAMPLES.features, bins=20, chance=derive(3, "score bins")
    )
    assert values("ndb") == {"different bins of 20": found.different}


def test_copies_of_the_reference_are_nearer_than_real_rows() -> None:
    copies = extract(PIXELS, DIGITS[60:120])
    found = find_nearest([copies, REFERENCE, HELD_OUT], "pixels", ScoreSettings())
    assert found.share.value == 1.0 and found.rows.tolist() == list(range(60))
    honest = find_nearest([SAMPLES, REFERENCE, HELD_OUT], "pixels", ScoreSettings()).share
    assert honest.value < 0.2 and honest.interval is not None


def test_a_device_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="^device must be auto, cpu or cuda, got 'tpu'$"):
        ScoreSettings(device="tpu")


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        (("fids",), "no metric 'fids'; there are is, fid, kid, prdc, ndb"),
        (("is", "is"), "is twice"),
    ],
)
def test_unknown_and_repeated_metrics_are_refused(metrics: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ScoreSettings(metrics=metrics)
