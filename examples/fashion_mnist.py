"""Fashion-MNIST, ten labels a class: images, rejected predictions and unusual images.

``python examples/fashion_mnist.py`` takes a thousand images, ``--rows 60000`` all of them. The data
come from the Hugging Face hub, or from the folder that CONVERGAN_DATA names.
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression

from convergan import SemiSupervisedGANClassifier
from convergan.data import load
from convergan.estimator import mask_labels, rank_for_labeling


def main() -> None:
    """Fit to images (n, 1, 28, 28), reject uncertain predictions, find unusual images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000, help="images to learn from")
    parser.add_argument("--labels", type=int, default=10, help="of each class (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="of labels and training (default: 0)")
    parser.add_argument("--max-epochs", type=int, help="of a training (default: by rows)")
    arguments = parser.parse_args()

    fashion = load("zalando-datasets/fashion_mnist")
    X = fashion.train.images[: arguments.rows].numpy() / 255
    X_test, y_test = fashion.test.images[:2000].numpy() / 255, fashion.test.labels[:2000].numpy()
    truth = fashion.train.labels[: arguments.rows].numpy()
    y = mask_labels(truth, arguments.labels, random_state=arguments.seed)
    labeled = np.flatnonzero(y >= 0)

    ours = SemiSupervisedGANClassifier(
        max_epochs=arguments.max_epochs, random_state=arguments.seed
    ).fit(X, y)
    logistic = LogisticRegression(max_iter=1000).fit(
        X[labeled].reshape(len(labeled), -1), y[labeled]
    )
    error = 1 - logistic.score(X_test.reshape(len(X_test), -1), y_test)
    print(f"{len(labeled)} labels, {len(X) - len(labeled)} images without, {len(X_test)} for test")
    print(f"  logistic regression on pixels  {error:6.2%} wrong")
    print(f"  convergan                      {1 - ours.score(X_test, y_test):6.2%} wrong")
    powers = ", ".join(f"{found.name} {found.power:.2f}" for found in ours.opinions_)
    print(f"\nwhat each opinion counts here: {powers}")

    print(f"\nerrors of held-out labels by confidence\n{ours.risk_table_}")
    answers = ours.predict_or_reject(X_test, min_confidence=0.9, reject_label=-2)
    kept = answers != -2
    wrong = (answers[kept] != y_test[kept]).mean()
    print(f"confidence of 0.9 or more: {kept.mean():.1%} of test images, {wrong:.2%} of them wrong")

    # p-values say how unusual an image is among the unlabelled ones: of such, 5 % are below 0.05.
    for name, images in [("test images", X_test), ("lying on their side", X_test.swapaxes(2, 3))]:
        print(f"{name}: p is 0.05 or less for {(ours.ood_pvalue(images) <= 0.05).mean():.1%}")

    chosen = rank_for_labeling(ours.predict_proba(X), ours.features(X), count=5, labeled=labeled)
    names = [fashion.classes[number] for number in ours.predict(X[chosen])]
    print(f"\nto label next: {dict(zip(chosen.tolist(), names, strict=True))}, by their guesses")


if __name__ == "__main__":
    main()
