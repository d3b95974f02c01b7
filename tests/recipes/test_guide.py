"""The whole recipe that docs/recipes.md shows."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands import convergan

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_whole_recipe_of_the_guide_trains_on_a_folder_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (ROOT / "docs" / "recipes.md").read_text()
    [block] = re.findall(r"^```python\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    (tmp_path / "my_gan.py").write_text(block)
    (tmp_path / "pictures").mkdir()
    chance = np.random.default_rng(0)
    for number in range(40):
        pixels = chance.integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    words = "--steps 6 --out run --threads 1"
    for command in (
        f"train my_gan.py:mine {words}",
        f"train my_gan.py:mine {words} --stream",  # the same data, and a finished run
        "sample run --count 4 --out samples.npz",
    ):
        assert convergan(*command.split()) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["steps"] == 6 and result["code"][0].keys() == {"my_gan.py"}
    with np.load("samples.npz") as archive:
        samples = archive["samples"]
    assert samples.shape == (4, 3, 16, 16) and 0 <= samples.min() <= samples.max() <= 1
    changed = block.replace("torch.sigmoid(self.body(latent))", "torch.tanh(self.body(latent))")
    (tmp_path / "my_gan.py").write_text(changed)
    assert changed != block
    assert convergan(*f"train my_gan.py:mine {words}".split()) == 2
    assert convergan(*"train my_gan.py:mine --steps 6 --out other --threads 1".split()) == 2
    assert not (tmp_path / "other" / "result.json").exists()
