from collections.abc import Iterator
from pathlib import Path

import pytest

from convergan.labeling.project import Project
from tests.labeling.fakes import opened, put_still_refitter


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process fits anything."""
    put_still_refitter(monkeypatch)


@pytest.fixture
def project(still: None, tmp_path: Path) -> Iterator[Project]:
    """Sixty digits of three classes without labels."""
    with opened(tmp_path / "labels.csv") as found:
        yield found
