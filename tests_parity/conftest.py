"""Fixtures of the parity suite, which lies beside ``tests`` and not in it.

It imports packages that only the environment of ``make parity`` has, so ``make test`` must not
collect it: pytest's ``testpaths`` names ``tests`` and ``src``. Nothing here imports from ``tests``,
whose name a package of torch-fidelity's wheel takes there.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests_parity.material import Pair, extract, read_network, real_pair, seeded_pair, write_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of Inception weights drawn from a seed."""
    file = tmp_path_factory.mktemp("weights") / "seeded.pth"
    write_weights(file)
    return file


@pytest.fixture(scope="session", params=["seeded", "cifar10"])
def pair(request: pytest.FixtureRequest, weights: Path) -> Pair:
    """Real and fake images, and torch-fidelity's features of them."""
    images = real_pair() if request.param == "cifar10" else seeded_pair()
    network: Any = read_network(weights)
    return Pair(*(extract(network, part) for part in images))


@pytest.fixture(autouse=True)
def same_chance() -> Iterator[None]:
    """Put the global generator back, on which torchmetrics draws."""
    with torch.random.fork_rng(devices=[]):
        yield
