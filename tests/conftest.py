from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.hookimpl(tryfirst=True)  # before those of another mark are taken out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where torch sees none; leave long tests of PostgreSQL to the night."""
    for item in items:
        long = item.get_closest_marker("slow") and {"simulation", "faults"} & {*item.path.parts}
        if long and "postgresql" in item.name:
            item.add_marker(pytest.mark.nightly)
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="needs a GPU with CUDA, and torch sees none here")
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(skip)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what tests cache, here and in processes they start, out of the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("CONVERGAN_CACHE", str(folder))
        yield folder
