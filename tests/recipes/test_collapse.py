import math
from functools import partial
from typing import Any

import pytest
import torch
from pytest import approx
from torch.optim import Adam

from convergan.data import MIXTURES
from convergan.networks import packed_shape
from convergan.recipes import RECIPES, describe, find_recipe
from convergan.recipes.collapse import TECHNIQUES, Plain, non_saturating_losses
from convergan.recipes.stacked import stacked
from convergan.recipes.toy import toy
from convergan.sweeps.studies import STUDIES
from tests import oracles
from tests.oracles import draw
from tests.recipes.differences import differing

PLAIN = {"toy": toy, "stacked": stacked}
CHANGED = {
    "feature-matching": {"step"},
    "minibatch-discrimination": {"discriminator"},
    "minibatch-stddev": {"discriminator"},
    "historical-averaging": {"historical_weight"},
    "pacgan-2": {"discriminator", "batch_size"},
    "pacgan-4": {"discriminator", "batch_size"},
    "top-k": {"step"},
    "relativistic": {"step", "discriminator_optimizer", "generator_optimizer"},
}
SHAPES = {"toy": (2,), "stacked": (3, 28, 28)}
pairs = pytest.mark.parametrize("pair", PLAIN)


def variant(pair: str, technique: str) -> dict[str, Any]:
    found: dict[str, Any] = describe(find_recipe(f"{pair}-{technique}"))
    return found


def test_the_changes_cover_every_technique() -> None:
    assert CHANGED.keys() == TECHNIQUES.keys()


@pairs
@pytest.mark.parametrize("technique", CHANGED)
def test_a_variant_changes_what_its_technique_is_and_nothing_else(
    pair: str, technique: str
) -> None:
    plain, varied = find_recipe(pair), find_recipe(f"{pair}-{technique}")
    changed = CHANGED[technique]
    if (pair, technique) == ("stacked", "relativistic"):
        changed = changed | {"discriminator"}  # it has no normalisation
    assert differing(plain, varied) == changed
    assert "the plain game" in plain.summary
    words = technique.replace("-", " ")
    assert varied.summary == plain.summary.replace("the plain game", words)


@pairs
def test_a_plain_game_says_the_same_of_itself_twice(pair: str) -> None:
    plain: Plain = PLAIN[pair]()
    assert describe(plain.recipe.discriminator) == describe(plain.discriminator)
    assert plain.recipe.labels == 0 and plain.recipe.historical_weight == 0


@pairs
def test_minibatch_features_are_all_that_the_discriminators_gain(pair: str) -> None:
    plain = describe(find_recipe(pair))["discriminator"]
    seen = {
        technique: variant(pair, technique)["discriminator"]
        for technique in ("minibatch-discrimination", "minibatch-stddev")
    }
    assert {each["function"] for each in seen.values()} == {plain}
    for technique, (name, arguments) in {
        "minibatch-discrimination": ("similarities", {"num_kernels": 20}),
        "minibatch-stddev": ("deviation", None),
    }.items():
        [(keyword, features)] = seen[technique]["arguments"].items()
        assert keyword == "minibatch_features"
        function = f"convergan.networks.{name}"
        expected = {"function": function, "arguments": arguments} if arguments else function
        assert features == expected


@pairs
@pytest.mark.parametrize("m", [2, 4])
def test_a_step_of_pacgan_judges_as_many_packs_as_there_were_rows(pair: str, m: int) -> None:
    plain, packed = find_recipe(pair), find_recipe(f"{pair}-pacgan-{m}")
    assert packed.batch_size == m * plain.batch_size
    chance = torch.Generator().manual_seed(0)
    judge = packed.discriminator(SHAPES[pair], 1, chance)
    logits = judge(draw(4 * m, *SHAPES[pair]).float()).logits
    assert logits.shape == (4, 1)
    assert packed_shape(SHAPES[pair], m)[0] == m * SHAPES[pair][0]
    start = packed.discriminator_start
    assert start is not None and start.rows % m == 0


def test_top_k_leaves_a_hundredth_in_a_hundred_steps_and_never_more_than_half() -> None:
    for pair in PLAIN:
        arguments = variant(pair, "top-k")["step"]["arguments"]
        assert arguments["gamma"] ** 100 == approx(0.99, abs=1e-4) and arguments["nu"] == 0.5


def test_losses_of_rows_have_the_mean_of_the_plain_loss() -> None:
    logits = 3 * draw(30)
    losses = non_saturating_losses(logits)
    assert losses.shape == (30,)
    assert losses.mean().item() == approx(
        oracles.non_saturating_generator_loss(logits.numpy()), rel=1e-12
    )
    assert losses[3].item() == approx(math.log(1 + math.exp(-logits[3].item())), rel=1e-12)


@pairs
def test_pairs_are_judged_with_adam_as_r3gan_has_it_at_the_plain_rate(pair: str) -> None:
    plain = PLAIN[pair]()
    recipe = find_recipe(f"{pair}-relativistic")
    assert describe(recipe.step) == {
        "function": "convergan.training.relativistic_step",
        "arguments": {"penalty": plain.penalty},
    }
    expected = describe(partial(Adam, lr=plain.rate, betas=(0.0, 0.99), fused=True))
    assert describe(recipe.discriminator_optimizer) == expected
    assert describe(recipe.generator_optimizer) == expected


# --- the studies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_every_arm_has_a_recipe_and_a_name_of_its_own_on_its_data(study: Any) -> None:
    assert STUDIES[study.name] is study
    for arm in study.arms:
        assert arm.recipe in RECIPES and arm.seeds >= 1
        recipe = find_recipe(arm.recipe)
        assert recipe.judge is not None
    places = [(arm.name, arm.data) for arm in study.arms]
    runs = [(arm.recipe, arm.data) for arm in study.arms]
    assert len(set(places)) == len(set(runs)) == len(study.arms)
    for source in study.default_data:
        assert study.arms_on(source)


def test_the_suite_has_every_technique_on_every_data_set_and_the_plain_game_first() -> None:
    study = STUDIES["collapse"]
    for source, pair in (("ring", "toy"), ("grid", "toy"), ("stacked-mnist", "stacked")):
        arms = study.arms_on(source)
        assert [arm.recipe for arm in arms] == [pair, *(f"{pair}-{t}" for t in TECHNIQUES)]
        assert [arm.name for arm in arms[:2]] == ["plain", "feature matching"]
        assert not any(arm.paper for arm in arms)
    assert MIXTURES.keys() < set(study.default_data)


@pytest.mark.parametrize(("source", "near"), [("rings", "ring"), ("stacked", "stacked-mnist")])
def test_data_that_a_study_lacks_are_answered_with_the_nearest(source: str, near: str) -> None:
    message = f"no data of the study collapse '{source}'; did you mean {near}"
    with pytest.raises(ValueError, match=message):
        STUDIES["collapse"].arms_on(source)
