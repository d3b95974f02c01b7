import torch

from convergan.networks import imagenet_discriminator
from convergan.recipes import describe, find_recipe

"""The recipe for ImageNet has the released numbers, and as many logits as it wants."""


def test_imagenet_has_the_released_numbers_for_one_gpu_of_four() -> None:
    recipe = describe(find_recipe("imagenet"))
    assert (recipe["side"], recipe["batch_size"], recipe["labels"]) == (128, 16, 1_281_167)
    assert recipe["step"]["function"].endswith(".joint_step")
    assert recipe["step"]["arguments"]["discriminator_loss"]["arguments"] == {"real_target": 0.75}
    assert recipe["step"]["arguments"]["generator_loss"]["arguments"] == {"generator_target": 0.375}
    for player in ("discriminator", "generator"):
        optimizer = recipe[f"{player}_optimizer"]
        assert optimizer["arguments"] == {"lr": 4e-4, "betas": [0.5, 0.999]}
        assert optimizer["function"].endswith(".TensorFlowAdam")  # epsilon 1e-8
        assert recipe[f"{player}_start"] is None
    assert recipe["schedule"].endswith(".constant")
    assert recipe["average"] is recipe["generator_average"] is None
    assert recipe["historical_weight"] == 0
    assert recipe["test_batch"] == 0  # rows are judged beside samples, so it is no classifier
    assert recipe["discriminator"].endswith(".imagenet_discriminator")
    assert recipe["generator"].endswith(".imagenet_generator")


def test_imagenet_has_a_logit_for_each_class_and_one_for_generated() -> None:
    chance = torch.Generator().manual_seed(0)
    narrow = imagenet_discriminator((3, 128, 128), 7, chance, width=8)
    output = narrow.get_parameter("output.weight")
    assert output.shape == (7 + 1, 40 * 8 + 2 * 300)
