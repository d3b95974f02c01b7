from typing import Any

import pytest
import torch
from torch import Tensor, nn

from convergan.metrics import Extractor, extract, find_extractor
from convergan.metrics.streaming.any_extractor import extracted_rows, known_extractor, row_width
from tests.metrics.streaming.networks import SmallNetwork, images

CPU = torch.device("cpu")


def rows(extractor: Any, given: Any, part: Any = "features") -> Any:
    return extracted_rows(known_extractor(extractor, CPU), given, part, device=CPU)


def test_a_name_and_its_extractor_give_what_extract_does_of_levels_and_of_bytes() -> None:
    levels = images(4, seed=0)[:, :1]
    expected = extract(find_extractor("mnist"), levels.float() / 255)
    for extractor in ("mnist", find_extractor("mnist")):
        for given in (levels, levels.float() / 255, levels.numpy()):
            assert torch.equal(rows(extractor, given), expected.features)
            assert torch.equal(rows(extractor, given, "logits"), expected.logits)
    assert row_width(find_extractor("mnist"), "features") == 1568
    assert row_width(find_extractor("mnist"), "logits") == 10
    with pytest.raises(ValueError, match="^no extractor 'minst'; there are mnist"):
        known_extractor("minst", CPU)


def test_an_extractor_of_images_as_they_are_does_not_say_its_width() -> None:
    own = Extractor(name="mean", network=lambda rows: (rows.flatten(1), rows.mean(dim=(2, 3))))
    assert row_width(own, "features") is None
    assert rows(own, torch.zeros(2, 3, 4, 4), "logits").shape == (2, 3)


def test_a_function_gets_what_is_given_and_answers_rows_or_a_pair() -> None:
    given = torch.arange(6.0).view(2, 3)
    assert torch.equal(rows(lambda x: x + 1, given), given + 1)
    assert torch.equal(rows(lambda x: (x, -x), given), given)
    assert torch.equal(rows(lambda x: (x, -x), given.tolist(), "logits").float(), -given)
    assert rows(None, given) is given
    for answer, kinds in ((None, "NoneType"), ({"a": 1}, "dict"), ([given] * 3, "Tensor, Tensor")):
        with pytest.raises(ValueError, match=f"^an extractor must return rows, .* got {kinds}"):
            rows(lambda x, answer=answer: answer, given)


def test_a_module_runs_in_evaluation_mode_and_is_left_as_it_was() -> None:
    network = SmallNetwork()
    network.layers[1].eval()
    modes = [module.training for module in network.modules()]
    statistics = {name: value.clone() for name, value in network.state_dict().items()}
    given = images(6, seed=1)
    together = rows(network, given)
    apart = torch.cat([rows(network, given[:2]), rows(network, given[2:])])
    torch.testing.assert_close(together, apart, rtol=1e-6, atol=1e-7)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(statistics[k], v) for k, v in network.state_dict().items())
    assert not together.requires_grad
    assert row_width(network, "features") == 12 and row_width(network, "logits") is None


def test_modes_are_put_back_where_the_network_fails() -> None:
    class Failing(nn.Module):
        def forward(self, given: Tensor) -> Tensor:
            raise RuntimeError("no")

    network = Failing()
    with pytest.raises(RuntimeError, match="^no$"):
        rows(network, torch.zeros(1, 2))
    assert network.training
