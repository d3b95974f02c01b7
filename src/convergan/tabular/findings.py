"""What a fit found, in words and rows of text: the same on the terminal and on the page."""

from typing import Any

from ..estimator import RiskTable, SemiSupervisedGANClassifier
from .reading import Array

OPINIONS = ("opinion", "error of held-out labels", "power", "usual power")
"""The heads of the columns of `opinion_rows`."""
OPINIONS_MEANING = (
    "Probabilities of the opinions are raised to these powers and multiplied. The usual power is "
    "what the kind of opinion was worth on other data; held-out labels move it. Self-training is "
    "judged by its first round, which is logistic regression. From what the others have taught no "
    "labels are held out, and its power is fixed."
)
SOURCES = {
    "labels": "those of the labels, with one more of each class",
    "uniform": "all alike",
    "unlabeled": "estimated from unlabelled rows, ± the deviation of the estimate",
}
"""What the shares of the classes are, by `convergan.estimator.ClassShares.source`."""


INTERVAL = (
    "The interval says how well the error is known: of 100 such intervals, 95 hold the error of "
    "all rows like these."
)


def error_in_words(rows: int, wrong: int, low: float, high: float, how: str) -> str:
    """Return how often predictions are wrong, with the 95 % interval.

    Args:
        rows: that were predicted.
        wrong: those that are predicted wrongly.
        low: lower end of the interval, in [0, 1].
        high: its upper end.
        how: it was measured, such as ``measured on 50 test rows``.

    Example:
        >>> error_in_words(50, 0, 0.0, 0.071, "measured on 50 test rows")
        'No prediction is wrong, measured on 50 test rows: 0 of 50, 95 % interval 0% to 7%.'
    """
    digits = 0 if rows < 1000 else 1
    share, low_text, high_text = (f"{part:.{digits}%}" for part in (wrong / rows, low, high))
    said = f"About {share} of predictions are wrong" if wrong else "No prediction is wrong"
    return f"{said}, {how}: {wrong:,} of {rows:,}, 95 % interval {low_text} to {high_text}."


def held_out_error(risk: RiskTable | None) -> str:
    """Return the pool's error of labels that were held out, with its interval.

    The first line of ``risk`` answers every label whose class has another.
    """
    if risk is None:
        return "no label could be held out, as no class has two: powers are the usual ones"
    rows, share = risk.rows[0], risk.risk[0]
    return (
        f"error of held-out labels: {share:.2%}, {round(share * rows):,} of {rows:,}, "
        f"{risk.level:.0%} interval {risk.low[0]:.2%} to {risk.high[0]:.2%}"
    )


def has_game(model: SemiSupervisedGANClassifier) -> bool:
    """Return whether the network learned to tell rows from generated ones.

    Without that its log D, and p-values of it, say nothing.
    """
    return bool(model.generated_weight > 0)


def find_pvalues(model: SemiSupervisedGANClassifier, rows: Any) -> Array | None:
    """Return the p-values (n,) of being unlike the unlabelled rows of fit, if the model has any."""
    try:
        return model.ood_pvalue(rows) if has_game(model) else None
    except ValueError:  # fit kept no unlabelled rows out, or there is no GAN
        return None


def why_no_pvalues(model: SemiSupervisedGANClassifier, what: str) -> str:
    """Return why a model has no p-values, for those who look for them.

    Args:
        model: fitted.
        what: it was fitted to, such as ``rows``.
    """
    if not has_game(model):
        return "no p-values: the model was fitted without the game"
    return f"no p-values: the model was fitted to fewer than 200 unlabelled {what}"


def opinion_rows(model: SemiSupervisedGANClassifier) -> list[tuple[str, str, str, str]]:
    """Return a row of text for each opinion, in the columns of `OPINIONS`."""
    return [
        (
            opinion.name,
            "-" if opinion.error is None else f"{opinion.error:.2%}",
            f"{opinion.power:.2f}",
            "-" if opinion.error is None else f"{opinion.usual:.2f}",
        )
        for opinion in model.opinions_
    ]


def share_rows(model: SemiSupervisedGANClassifier) -> list[tuple[str, str, str]]:
    """Return a row of text for each class: its name, its share, the deviation or nothing."""
    shares, deviation, source = model.class_shares_
    return [
        (str(name), f"{share:.1%}", f"± {unsure:.1%}" if source == "unlabeled" else "")
        for name, share, unsure in zip(model.classes_.tolist(), shares, deviation, strict=True)
    ]
