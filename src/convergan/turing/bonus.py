"""What people earn on top, by a rule that is fixed with the study.

A rule is a sum of terms, with a limit if it has one:

    0.02 per correct
    1.00 if error below 30%
    0.50 if error below 40% + 0.50 if error below 30%
    0.01 per answer + 0.02 per correct, at most 2.00

Amounts are in the currency in which the panel pays the study. Attention trials count for nothing.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

_NUMBER = r"[0-9]{1,4}(?:\.[0-9]{1,4})?"
_TERM = re.compile(
    rf"({_NUMBER}) (?:(per correct)|(per answer)|if error below ({_NUMBER}) ?%)", re.IGNORECASE
)
_LIMIT = re.compile(rf"(.*), at most ({_NUMBER})", re.IGNORECASE)
CENT = Decimal("0.01")


@dataclass(frozen=True)
class BonusRule:
    """A rule that was read.

    Attributes:
        per_correct: for each right answer.
        per_answer: for each answer.
        steps: amounts, and the shares of wrong answers below which each is earned.
        most: that anybody earns, or None.
    """

    per_correct: Decimal
    per_answer: Decimal
    steps: tuple[tuple[Decimal, Decimal], ...]
    most: Decimal | None

    def amount(self, correct: int, answers: int) -> Decimal:
        """Return what somebody earns, in whole cents, halves rounded up.

        Args:
            correct: right answers, attention trials left out.
            answers: all of them, attention trials left out.

        Example:
            >>> rule = read_bonus("0.02 per correct + 1.00 if error below 30%, at most 1.50")
            >>> rule.amount(20, 40), rule.amount(24, 30), rule.amount(40, 40)
            (Decimal('0.40'), Decimal('1.48'), Decimal('1.50'))
        """
        earned = self.per_correct * correct + self.per_answer * answers
        if answers > 0:
            error = Decimal(answers - correct) / answers
            earned += sum((amount for amount, below in self.steps if error < below), Decimal(0))
        if self.most is not None:
            earned = min(earned, self.most)
        return earned.quantize(CENT, ROUND_HALF_UP)


def read_bonus(text: str) -> BonusRule:
    """Return a rule from its text.

    Raises:
        ValueError: if it is none.

    Example:
        >>> read_bonus("0.02 per correct").amount(correct=31, answers=50)
        Decimal('0.62')
    """
    words = " ".join(text.split())
    limited = _LIMIT.fullmatch(words)
    terms = (limited[1] if limited else words).split(" + ")
    per_correct = per_answer = Decimal(0)
    steps = []
    for term in terms:
        found = _TERM.fullmatch(term)
        if found is None:
            raise ValueError(
                "bonus must be terms like '0.02 per correct', '0.01 per answer' or '1.00 if error "
                f"below 30%', with ' + ' between them and ', at most 2.00' last; got {text!r}"
            )
        amount = Decimal(found[1])
        if found[2]:
            per_correct += amount
        elif found[3]:
            per_answer += amount
        else:
            steps.append((amount, Decimal(found[4]) / 100))
    return BonusRule(
        per_correct, per_answer, tuple(steps), Decimal(limited[2]) if limited else None
    )
