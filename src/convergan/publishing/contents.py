"""What a fitted classifier keeps of the rows that it was fitted to, in words."""

from collections.abc import Iterator

from ..estimator import SemiSupervisedGANClassifier
from ..estimator.graph import Graph
from ..estimator.opinions import Opinion, Reduced
from ..estimator.pool import Pool


def kept_of_rows(model: SemiSupervisedGANClassifier) -> list[str]:
    """Return what a classifier keeps of its training rows, a sentence for each kind.

    Args:
        model: fitted.
    """
    pool: Pool = vars(model)["_pool"]
    points = [len(graph.points) for one in pool.opinions for graph in _graphs(one)]
    said = []
    if points:
        said.append(
            f"It holds features of {max(points):,} rows that it was fitted to, the points of its "
            "graphs; the numbers of those rows can be worked out from them."
        )
    said.append(f"It holds the predicted class of each of the {len(model.transduction_):,} rows.")
    return said


def _graphs(opinion: Opinion) -> Iterator[Graph]:
    if isinstance(opinion, Reduced):
        yield from _graphs(opinion.opinion)
    elif isinstance(opinion, Graph):
        yield opinion
