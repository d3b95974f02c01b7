"""The figures of each metric from features and logits, and their settings."""

import pytest

from convergan.scoring.values import ScoreSettings


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
