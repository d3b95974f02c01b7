import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from convergan.core.progress import Progress
from convergan.data.encoded import EncodedFiles
from convergan.embedding import ImageNetwork, as_encoded, embed_images
from convergan.embedding.images import square
from tests.embedding.pictures import encoded, picture, write


class Counting:
    """A network of means that counts the photographs that it is given."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return images.float().mean(dim=(2, 3)) / 255


@pytest.fixture
def means(request: pytest.FixtureRequest) -> tuple[ImageNetwork, Counting]:
    """A network with a cache of its own."""
    counting = Counting()
    return ImageNetwork("means", f"means {request.node.name}", 8, True, True, counting), counting


@pytest.fixture
def files(tmp_path: Path) -> EncodedFiles:
    for number in range(5):
        write(tmp_path / f"{number}.png", picture(number, (20 + number, 30)))
    return EncodedFiles(tmp_path, tuple(sorted(tmp_path.glob("*.png"))))


def test_features_are_those_of_each_photograph_alone(
    files: EncodedFiles, means: tuple[ImageNetwork, Counting]
) -> None:
    network, _ = means
    found = embed_images(files, network)
    for number in range(5):
        pixels = square(files.read(number), 8, crop=True)
        np.testing.assert_allclose(found.rows[number], pixels.mean(axis=(0, 1)) / 255, atol=1e-6)


def test_a_second_look_computes_and_reads_nothing(
    files: EncodedFiles, means: tuple[ImageNetwork, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, counting = means
    first = embed_images(files, network)
    monkeypatch.setattr(EncodedFiles, "read", lambda *_: pytest.fail("a file was read"))
    second = embed_images(files, network)
    assert counting.seen == 5
    assert np.array_equal(first.rows, second.rows) and first.contents == second.contents


def test_a_copy_elsewhere_is_known_by_its_content(
    files: EncodedFiles, means: tuple[ImageNetwork, Counting], tmp_path: Path
) -> None:
    network, counting = means
    first = embed_images(files, network)
    copy = tmp_path / "copies" / "another name.png"
    copy.parent.mkdir()
    copy.write_bytes(files.read(3))
    assert np.array_equal(embed_images(as_encoded([copy]), network).rows[0], first.rows[3])
    assert counting.seen == 5


def test_a_changed_file_is_looked_at_again(
    files: EncodedFiles, means: tuple[ImageNetwork, Counting]
) -> None:
    network, counting = means
    before = embed_images(files, network)
    status = files.files[0].stat()
    write(files.files[0], picture(99, (20, 30)))
    os.utime(files.files[0], ns=(status.st_atime_ns, status.st_mtime_ns))  # as a copying tool does
    after = embed_images(files, network)
    assert counting.seen == 6
    assert not np.array_equal(before.rows[0], after.rows[0])
    assert np.array_equal(before.rows[1:], after.rows[1:])


def test_what_was_computed_before_a_stop_is_kept(
    tmp_path: Path, means: tuple[ImageNetwork, Counting]
) -> None:
    network, counting = means
    images = [write(tmp_path / f"{n:02}.png", picture(n)) for n in range(40)]

    def stop(progress: Progress) -> None:
        if progress.step >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_images(as_encoded(images), network, report=stop, workers=1)
    counting.seen = 0
    assert len(embed_images(as_encoded(images), network, workers=1).rows) == 40
    assert counting.seen <= 24


def test_progress_reaches_the_end(
    files: EncodedFiles, means: tuple[ImageNetwork, Counting]
) -> None:
    steps: list[tuple[int, int]] = []
    embed_images(files, means[0], report=lambda p: steps.append((p.step, p.steps)))
    assert steps[0] == (0, 5) and steps[-1] == (5, 5)


@pytest.mark.parametrize("damage", ["garbage", "a folder"])
def test_a_cache_that_cannot_be_used_costs_time_alone(
    files: EncodedFiles,
    means: tuple[ImageNetwork, Counting],
    own_cache: Path,
    damage: str,
) -> None:
    network, counting = means
    first = embed_images(files, network)
    newest = max((own_cache / "features").glob("*.sqlite"), key=lambda file: file.stat().st_mtime)
    for more in newest.parent.glob(f"{newest.name}-*"):
        more.unlink()
    newest.unlink()
    if damage == "garbage":
        newest.write_bytes(b"this is no database" * 1000)
    else:
        newest.mkdir()
    again = embed_images(files, network)
    assert np.array_equal(first.rows, again.rows) and counting.seen == 10
    embed_images(files, network)
    assert counting.seen == (10 if damage == "garbage" else 15)
    if damage == "garbage":
        with closing(sqlite3.connect(newest)) as database:
            assert database.execute("SELECT count(*) FROM features").fetchone() == (5,)


def test_what_cannot_be_read_is_named_and_has_no_features(
    tmp_path: Path, means: tuple[ImageNetwork, Counting]
) -> None:
    good = write(tmp_path / "good.png", picture(0))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(encoded(picture(1), "JPEG")[:300])
    found = embed_images(
        as_encoded([good, broken, tmp_path / "missing.png", b"no image"]), means[0]
    )
    assert sorted(found.problems) == [1, 2, 3]
    assert "truncated" in found.problems[1].lower() and "not an image" in found.problems[3]
    assert np.isnan(found.rows[1:]).all() and np.isfinite(found.rows[0]).all()


def test_all_forms_of_a_photograph_have_about_the_same_features(
    tmp_path: Path, means: tuple[ImageNetwork, Counting]
) -> None:
    image = picture(7, (300, 200))
    turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    given = [
        image,
        np.asarray(image),
        encoded(image),
        encoded(image, "WEBP"),
        tmp_path / "turned.jpg",
        str(write(tmp_path / "whole.jpg", image.resize((1200, 800)))),
    ]
    rows = embed_images(as_encoded(given), means[0]).rows
    assert np.abs(rows - rows[0]).max() < 0.02


def test_a_network_sees_the_middle_square_and_pixels_see_all(tmp_path: Path) -> None:
    wide = np.zeros((10, 30, 3), dtype=np.uint8)
    wide[:, 10:20] = 255
    data = encoded(Image.fromarray(wide))
    assert square(data, 8, crop=True).min() > 200
    assert square(data, 9, crop=False).mean() == pytest.approx(85, abs=8)


def test_a_large_jpeg_is_decoded_at_a_fraction(tmp_path: Path) -> None:
    image = picture(3, (1600, 1600))
    exact = square(encoded(image), 32, crop=True).astype(int)
    drafted = square(encoded(image, "JPEG"), 32, crop=True).astype(int)
    assert np.abs(exact - drafted).mean() < 3


def test_grey_photographs_have_three_alike_channels() -> None:
    pixels = square(encoded(picture(1, mode="L")), 8, crop=True)
    assert pixels.shape == (8, 8, 3) and pixels.std() > 0
    assert (pixels == pixels[..., :1]).all()


def test_no_photographs_have_no_features(means: tuple[ImageNetwork, Counting]) -> None:
    assert embed_images(as_encoded([]), means[0]).rows.shape == (0, 0)


def test_threads_of_torch_stay_as_they_were(
    tmp_path: Path, means: tuple[ImageNetwork, Counting]
) -> None:
    images = [picture(n) for n in range(40)]
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        embed_images(as_encoded(images), means[0], workers=2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
