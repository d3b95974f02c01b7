"""The scripts for MNIST have the released numbers."""

from convergan.recipes import describe, find_recipe


def test_the_released_scripts_have_the_papers_numbers() -> None:
    head, first = describe(find_recipe("mnist")), describe(find_recipe("mnist-2016"))
    for recipe, rate in ((head, 0.003), (first, 0.001)):
        assert recipe["steps"] == 300 * 600 and recipe["batch_size"] == 100
        for player in ("discriminator", "generator"):
            optimizer = recipe[f"{player}_optimizer"]
            assert optimizer["arguments"] == {"lr": rate, "betas": [0.5, 0.999]}
            assert optimizer["function"].endswith(".AdamInsideRoot")
    assert head["average"]["arguments"]["from_zero"] is True and first["average"] is None
    assert head["average"]["arguments"]["lagging"] is True
    assert head["generator"]["arguments"]["epsilon"] == 1e-6
    assert "epsilon" not in first["generator"]["arguments"]
    for recipe in (head, first):
        assert recipe["discriminator_start"] == {"rows": 500, "per_channel": True}
    assert head["generator_start"] is None
    assert first["generator_start"] == {"rows": 100, "per_channel": False}


def test_the_recipe_by_a_graph_sees_oriented_gradients_and_says_so() -> None:
    description = describe(find_recipe("mnist-graph"))
    assert description["descriptor"].endswith(".upright_gradients")
    assert "oriented gradients" in description["summary"]
    assert describe(find_recipe("mnist-pixels"))["descriptor"] is None
