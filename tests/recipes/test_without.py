"""A recipe without one of its parts is the same but for that part."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from convergan.core.chance import derive
from convergan.data import Batch
from convergan.recipes import RECIPES, describe, find_recipe
from convergan.recipes.without import PARTS
from convergan.training import teacher_consistency


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mnist", {"game"}),
        ("cifar10-narrow", {"game"}),
        ("digits", {"game", "graph", "consistency"}),
        ("mnist-graph", {"game", "graph", "consistency"}),
        ("mnist-pixels", {"game", "graph", "consistency"}),
        ("mnist-vectors", {"game", "consistency"}),
        ("ablation-ours", set()),
        ("toy", set()),
    ],
)
def test_what_a_recipe_can_be_without(name: str, parts: set[str]) -> None:
    assert {part for part in PARTS if PARTS[part].is_in(find_recipe(name))} == parts


@pytest.mark.parametrize("name", ["digits", "mnist-graph", "mnist-pixels"])
def test_nothing_but_the_part_changes(name: str) -> None:
    whole = find_recipe(name)
    game, graph = (find_recipe(f"{name}-without-{part}") for part in ("game", "graph"))
    same = replace(game, summary=whole.summary, step=whole.step)
    assert describe(same) == describe(whole)
    assert graph.neighbors is None
    assert describe(replace(graph, summary="", step=whole.step, neighbors=None)) == describe(
        replace(whole, summary="", neighbors=None)
    )
    arguments = describe(whole.step)["arguments"]
    assert describe(game.step)["arguments"] == arguments | {"unsupervised_weight": 0.0}
    alone = find_recipe(f"{name}-without-consistency").step
    assert describe(alone)["arguments"] == arguments | {"regularizers": []}


@pytest.mark.parametrize("part", [None, "game"])
def test_generated_rows_teach_the_classifier_only_with_the_game(part: str | None) -> None:
    recipe = find_recipe("digits-without-game" if part else "digits")
    recipe = replace(recipe, batch_size=4)
    rows = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    labels, spread = torch.arange(4) % 10, torch.full((4, 10), 0.1)

    def weights_after_a_step(brightness: float) -> dict[str, str]:
        state = recipe.start(rows, 10, seed=0, device=torch.device("cpu"))
        for parameter in state.generator.network.parameters():
            parameter.data.mul_(brightness)
        batch = Batch(rows[:4], labels, rows[4:8], rows[8:12], spread)
        recipe.step(state, batch, derive(0, "step"))
        return {n: sha for n, sha in state.digests().items() if n.startswith("discriminator.")}

    assert (weights_after_a_step(0.5) == weights_after_a_step(2.0)) is bool(part)


def test_without_the_graph_the_averaged_weights_teach_alone_with_a_strength_from_zero() -> None:
    recipe = replace(find_recipe("mnist-graph"), batch_size=4)
    rows = torch.rand(600, 288, generator=torch.Generator().manual_seed(0))
    state = recipe.start(rows, 10, seed=0, device=torch.device("cpu"))
    batch = Batch(rows[:4], torch.arange(4), rows[4:8], rows[8:12], torch.zeros(4, 0))
    logits = state.discriminator.network(batch.unlabeled).logits
    term = partial(teacher_consistency, weight=4.0, spread_until=1000)
    losses = []
    for state.step in (0, 500, 1000, 3000):
        losses.append(term(state, batch, logits, derive(0, "x"), spread_weight=None).item())
    assert losses[0] == 0 and losses[2] == losses[3] == pytest.approx(2 * losses[1])
    with pytest.raises(ValueError, match="needs a recipe's neighbors"):
        term(state, batch, logits, derive(0, "x"), spread_weight=4.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnist-without-graph", "recipe mnist has no graph to leave out; it has game"),
        (
            "toy-without-game",
            "toy has no game to leave out; only recipes for few labels have such parts",
        ),
        ("digits-without-gmae", "no part of a recipe 'gmae'; did you mean game"),
        ("digits-without-", "no part of a recipe ''; did you mean"),
        ("digits-without-game-without-game", "recipe digits can be without its game only once"),
        ("diggits-without-game", "no recipe 'diggits'; did you mean digits"),
    ],
)
def test_what_cannot_be_left_out_is_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_recipe(name)


def test_a_recipe_of_a_file_can_be_without_a_part(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from convergan.recipes import find_recipe\n\n\ndef mine():\n"
        "    return find_recipe('digits')\n"
    )
    found = find_recipe(f"{tmp_path / 'mine.py'}:mine-without-game")
    assert describe(found) == describe(find_recipe("digits-without-game"))


def test_names_of_before_still_work() -> None:
    assert "mnist-fast" not in RECIPES
    assert describe(find_recipe("mnist-fast")) == describe(find_recipe("mnist-graph"))
