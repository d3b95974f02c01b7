import pytest

from convergan.scoring.score import Scores
from convergan.scoring.values import ScoreSettings
from tests.scoring.digits import PIXELS, finished, sets_of


@pytest.fixture(scope="session")
def scores() -> Scores:
    return finished(sets_of(60, 200, 50), PIXELS, ScoreSettings(splits=3, batch_size=32))
