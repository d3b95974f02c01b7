"""Few labels among photographs: error of the classifier, without the game, and of baselines.

``python -m bench.photos run --out photos.jsonl`` writes images of ImageNet (18 classes) and of
CIFAR-10 as JPEG files, as a user would have them, and fits every method to 2, 5 and 10 labels a
class; a line for each method and seed. It goes on after a stop. ``table`` prints means and
deviations, ``times`` the seconds of features, fit and prediction.

The error is of the photographs without a label, which all methods may see (the baselines that learn
from labels alone do not look at them).
"""

import argparse
import json
import resource
import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from convergan.data import load
from convergan.data.sources import find_encoded
from convergan.embedding import ImageNetwork, as_encoded, embed_images, find_image_network
from convergan.estimator import SemiSupervisedGANClassifier
from convergan.photos import ImageClassifier

Array = np.ndarray[Any, Any]

CIFAR_ROWS = 2000
LABELS, SEEDS = (2, 5, 10), range(5)
EXTRACTORS = ("efficientnet-lite0", "pixels")
OURS, WITHOUT = "ours", "without the game"
METHODS = (OURS, WITHOUT, "logistic regression", "nearest label", "SVC")


def write_photographs(folder: Path) -> dict[str, tuple[list[Path], Array]]:
    """Write both sets as JPEG files; return the files and the classes (n,) of each."""
    found = {}
    for name in ("imagenet_mini18", "cifar10"):
        place = folder / name
        files, labels = _imagenet(place) if name == "imagenet_mini18" else _cifar(place)
        found[name] = files, np.array(labels)
    return found


def _imagenet(place: Path) -> tuple[list[Path], list[int]]:
    encoded = find_encoded("imagenet_mini18")
    files: list[Path] = []
    labels: list[int] = []
    place.mkdir(parents=True, exist_ok=True)
    for split in (encoded.train, encoded.test):
        for number, label in enumerate(split.labels.tolist()):
            file = place / f"{len(files):04}.jpg"
            file.write_bytes(split.encoded.read(number))
            files.append(file)
            labels.append(label)
    return files, labels


def _cifar(place: Path) -> tuple[list[Path], list[int]]:
    train = load("uoft-cs/cifar10").train
    chosen = np.random.default_rng(0).permutation(len(train.labels))[:CIFAR_ROWS].tolist()
    files, labels = [], []
    place.mkdir(parents=True, exist_ok=True)
    for number in chosen:
        file = place / f"{number:05}.jpg"
        pixels = train.images[number].permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(file, quality=95)
        files.append(file)
        labels.append(int(train.labels[number]))
    return files, labels


def fit(method: str, rows: Array, labels: Array, seed: int, network: ImageNetwork) -> Any:
    """Return a fitted method, whose `predict` takes rows."""
    if method in (OURS, WITHOUT):
        weight = 0.0 if method == WITHOUT else 1.0
        classifier = SemiSupervisedGANClassifier(generated_weight=weight, random_state=seed)
        return (
            ImageClassifier(classifier=classifier).fit_features(rows, labels, network).classifier_
        )
    known = labels >= 0
    baseline = {
        "logistic regression": LogisticRegression(max_iter=1000),
        "nearest label": KNeighborsClassifier(1),
        "SVC": SVC(),
    }[method]
    return make_pipeline(StandardScaler(), baseline).fit(rows[known], labels[known])


def draw_labels(classes: Array, count: int, seed: int) -> Array:
    """Return the classes (n,), -1 but for ``count`` drawn of each."""
    chance = np.random.default_rng(seed)
    labels = np.full(len(classes), -1)
    for name in np.unique(classes):
        chosen = chance.permutation(np.flatnonzero(classes == name))[:count]
        labels[chosen] = name
    return labels


def run(out: Path) -> None:
    warnings.simplefilter("ignore", UserWarning)
    lines = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    done = {tuple(line[key] for key in KEY) for line in lines}
    with tempfile.TemporaryDirectory() as place, out.open("a") as file:
        for name, (files, classes) in write_photographs(Path(place)).items():
            for extractor in EXTRACTORS:
                network = find_image_network(extractor)
                rows = embed_images(as_encoded(files), network).rows
                for count in LABELS:
                    for seed in SEEDS:
                        labels = draw_labels(classes, count, seed)
                        for method in METHODS:
                            if (name, extractor, count, seed, method) in done:
                                continue
                            started = time.perf_counter()
                            model = fit(method, rows, labels, seed, network)
                            fitted = time.perf_counter()
                            free = labels < 0
                            error = (model.predict(rows[free]) != classes[free]).mean()
                            line = dict(
                                zip(KEY, (name, extractor, count, seed, method), strict=True)
                            )
                            line |= {"error": float(error), "seconds": fitted - started}
                            file.write(json.dumps(line) + "\n")
                            file.flush()


KEY = ("set", "extractor", "labels", "seed", "method")


def table(out: Path) -> None:
    found: dict[Any, list[float]] = defaultdict(list)
    for text in out.read_text().splitlines():
        line = json.loads(text)
        found[line["set"], line["extractor"], line["labels"], line["method"]].append(line["error"])
    print("| set | features | labels a class |", " | ".join(METHODS), "|")
    print("| --- | --- | --- |", " --- |" * len(METHODS))
    for name, extractor, count in sorted({key[:3] for key in found}):
        cells = []
        for method in METHODS:
            errors = 100 * np.array(found[name, extractor, count, method])
            spread = errors.std(ddof=1) if len(errors) > 1 else np.nan
            cells.append(f"{errors.mean():.1f} ± {spread:.1f}" if len(errors) else "-")
        print(f"| {name} | {extractor} | {count} |", " | ".join(cells), "|")


def times(rows: int) -> None:
    """Print the seconds of each part, and the memory, for CIFAR-10 images as JPEG files.

    More than there are repeat: then features are known, and their seconds are of a second look.
    """
    warnings.simplefilter("ignore", UserWarning)
    with tempfile.TemporaryDirectory() as place:
        files, classes = write_photographs(Path(place))["cifar10"]
        given = [files[number % len(files)] for number in range(rows)]
        truth = classes[np.arange(rows) % len(files)]
        network = find_image_network("efficientnet-lite0")
        marks = [time.perf_counter()]
        known = rows > len(files)
        if known:
            embed_images(as_encoded(files), network, workers=1)
            marks = [time.perf_counter()]
        found = embed_images(as_encoded(given), network, workers=1, keep=known).rows
        marks.append(time.perf_counter())
        model = fit(OURS, found, draw_labels(truth, 10, 0), 0, network)
        marks.append(time.perf_counter())
        model.predict(found)
        marks.append(time.perf_counter())
    features, fitting, prediction = np.diff(marks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    again = " again" if known else ""
    print(
        f"{rows:,} photographs on one core: features{again} {features:.1f} s, fit {fitting:.1f} s, "
        f"prediction {prediction:.2f} s, peak memory {peak:.2f} GiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "table", "times"))
    parser.add_argument("--out", type=Path, default=Path("photos.jsonl"))
    parser.add_argument("--rows", type=int, default=2000)
    arguments = parser.parse_args()
    if arguments.what == "times":
        times(arguments.rows)
    else:
        {"run": run, "table": table}[arguments.what](arguments.out)


if __name__ == "__main__":
    main()
