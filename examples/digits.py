"""Handwritten digits, five labels a class: the gain by unlabelled rows, and what to label next.

``python examples/digits.py`` needs no download. A row is 64 numbers, as any table's row could be.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.semi_supervised import LabelSpreading

from convergan import SemiSupervisedGANClassifier
from convergan.estimator import mask_labels, rank_for_labeling


def main() -> None:
    """Fit three classifiers to the same few labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=5, help="of each class (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of labels and training (default: 0)")
    parser.add_argument("--max-epochs", type=int, help="of a training (default: by rows)")
    arguments = parser.parse_args()

    rows, digits = load_digits(return_X_y=True)
    X, X_test, truth, y_test = train_test_split(
        rows / 16, digits, test_size=0.5, stratify=digits, random_state=0
    )
    # Your own y has a class where you know it and -1 where you do not. Here labels are hidden.
    y = mask_labels(truth, arguments.labels, random_state=arguments.seed)
    labeled = np.flatnonzero(y >= 0)

    ours = SemiSupervisedGANClassifier(max_epochs=arguments.max_epochs, random_state=arguments.seed)
    spreading = LabelSpreading(kernel="knn").fit(X, y)
    logistic = LogisticRegression(max_iter=1000).fit(X[labeled], y[labeled])
    ours.fit(X, y)

    print(f"{len(labeled)} labels, {len(X) - len(labeled)} rows without, {len(X_test)} test rows")
    print(f"  logistic regression  {1 - logistic.score(X_test, y_test):6.2%} wrong")
    print(f"  label spreading      {1 - spreading.score(X_test, y_test):6.2%} wrong")
    print(f"  convergan            {1 - ours.score(X_test, y_test):6.2%} wrong")

    print("\nwhat each opinion counts here, and how many held-out labels it got wrong:")
    for name, power, _, error in ours.opinions_:
        print(f"  {name:20} {power:.2f}  {'taught' if error is None else f'{error:.1%}'}")
    print(f"\nerrors of held-out labels by confidence\n{ours.risk_table_}")

    chosen = rank_for_labeling(ours.predict_proba(X), ours.features(X), count=10, labeled=labeled)
    y[chosen] = truth[chosen]  # ask your expert
    ours.fit(X, y)
    print(f"\nrows to label next: {chosen.tolist()}")
    print(f"with these 10 labels {1 - ours.score(X_test, y_test):6.2%} wrong")


if __name__ == "__main__":
    main()
