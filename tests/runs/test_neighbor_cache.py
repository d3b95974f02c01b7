import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from convergan.data import Neighbors, nearest_neighbors
from convergan.runs.neighbor_cache import find_neighbors

calls: list[int] = []


def search(rows: Tensor, count: int) -> Neighbors:
    calls.append(count)
    return nearest_neighbors(rows, count)


def slow_search(rows: Tensor) -> Neighbors:
    time.sleep(0.2)
    return search(rows, 2)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    calls.clear()
    monkeypatch.setenv("CONVERGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def rows(seed: int = 0) -> Tensor:
    return torch.randn(9, 3, generator=torch.Generator().manual_seed(seed))


def test_the_same_rows_are_searched_once_and_other_rows_or_searches_anew(cache: Path) -> None:
    first, second = (find_neighbors(partial(search, count=2), rows()) for _ in range(2))
    assert calls == [2]
    for found, kept in zip(first, second, strict=True):
        assert found.equal(kept) and found.dtype == kept.dtype
    find_neighbors(partial(search, count=3), rows())
    find_neighbors(partial(search, count=2), rows(seed=1))
    find_neighbors(partial(search, count=2), rows().view(9, 1, 3))
    find_neighbors(partial(search, count=2), rows().view(torch.int32).view(torch.float32))
    assert calls == [2, 3, 2, 2]
    assert len(list(cache.glob("*.npz"))) == 4


def test_what_an_earlier_search_found_is_not_taken(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_neighbors(partial(search, count=2), rows())
    monkeypatch.setattr("convergan.runs.neighbor_cache.REVISION", 1)
    find_neighbors(partial(search, count=2), rows())
    assert calls == [2, 2]


@pytest.mark.parametrize("content", [b"", b"PK half a file"])
def test_a_file_that_is_not_whole_is_written_again(cache: Path, content: bytes) -> None:
    expected = find_neighbors(partial(search, count=2), rows())
    (file,) = cache.glob("*.npz")
    file.write_bytes(content)
    assert find_neighbors(partial(search, count=2), rows()).indices.equal(expected.indices)
    assert calls == [2, 2]
    find_neighbors(partial(search, count=2), rows())
    assert calls == [2, 2]


def test_of_two_runs_at_once_the_first_searches_and_the_other_waits(cache: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(partial(find_neighbors, slow_search), [rows(), rows()])
    assert calls == [2] and first.indices.equal(second.indices)


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    found = find_neighbors(partial(search, count=2), rows())
    assert found.indices.equal(nearest_neighbors(rows(), 2).indices)


def test_without_a_place_of_its_own_the_cache_is_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONVERGAN_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    find_neighbors(partial(search, count=2), rows())
    assert len(list((tmp_path / ".cache" / "convergan").glob("*.npz"))) == 1
