"""The plain game in the plane: non-saturating, without labels and without help."""

from functools import partial

from torch.optim import Adam

from convergan.recipes import describe
from convergan.recipes.judges import mixture_modes
from convergan.recipes.toy import toy


def test_it_is_the_non_saturating_game_of_two_players_at_one_rate() -> None:
    plain = toy()
    recipe = plain.recipe
    assert describe(recipe.step) == {
        "function": "convergan.training.adversarial_step",
        "arguments": {
            "discriminator_loss": "convergan.objectives.minimax_discriminator_loss",
            "generator_loss": "convergan.objectives.non_saturating_generator_loss",
        },
    }
    adam = describe(partial(Adam, lr=plain.rate, betas=(0.5, 0.999), fused=True))
    assert describe(recipe.discriminator_optimizer) == adam
    assert describe(recipe.generator_optimizer) == adam


def test_its_samples_are_judged_by_their_modes_and_no_row_is_classified() -> None:
    recipe = toy().recipe
    assert (recipe.data, recipe.labels, recipe.judge) == ("ring", 0, mixture_modes)
    assert not recipe.classifies
