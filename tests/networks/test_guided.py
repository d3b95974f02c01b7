"""Networks that show their maps judge and make the same as those that do not."""

import torch
from torch import Tensor, nn

from convergan.networks import Critique, GuidanceDecoder, GuidedDiscriminator
from convergan.networks.guided import EncodingDiscriminator, MappingGenerator


class Encoding(EncodingDiscriminator):
    """Three maps, each twice the side of the one before, from sums over pixels."""

    def encode(
        self, images: Tensor, chance: torch.Generator | None = None
    ) -> tuple[Critique, tuple[Tensor, ...]]:
        features = images.flatten(1)
        noise = 0.0 if chance is None else torch.rand((), generator=chance)
        maps = tuple(nn.functional.adaptive_avg_pool2d(images, side) for side in (1, 2, 4))
        return Critique(features.sum(dim=1, keepdim=True) + noise, features), maps


class Mapping(MappingGenerator):
    def make(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * latent, latent[:, :, None, None]


class Recording(nn.Module):
    """In the place of a decoder of two stages."""

    stages = (1, 2)

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        return maps[-1].double() + sum(m.mean() for m in maps)


IMAGES = torch.arange(32.0).view(2, 1, 4, 4)


def guided() -> GuidedDiscriminator:
    decoder: GuidanceDecoder = Recording()  # type: ignore[assignment]
    return GuidedDiscriminator(Encoding(), decoder)


def test_a_critique_and_rows_are_those_beside_the_maps() -> None:
    critique = Encoding()(IMAGES)
    assert critique.logits.tolist() == [[120.0], [376.0]]
    assert torch.equal(critique.features, IMAGES.flatten(1))
    assert Mapping(3)(torch.ones(2, 3)).tolist() == [[2.0] * 3] * 2


def test_the_smallest_maps_are_decoded_as_many_as_there_are_stages_in_the_images_dtype() -> None:
    critique, decoded = guided().decode(IMAGES)
    one, two, _ = Encoding().encode(IMAGES)[1]
    assert torch.equal(decoded, two + one.mean() + two.mean())
    assert decoded.dtype == torch.float32 and decoded.shape == (2, 1, 2, 2)
    assert torch.equal(critique.logits, Encoding()(IMAGES).logits)


def test_judging_is_that_of_the_wrapped_network_with_the_chance_given() -> None:
    for judge in (guided(), lambda *given: guided().decode(*given)[0]):
        noisy = judge(IMAGES, torch.Generator().manual_seed(1)).logits
        assert torch.equal(noisy, Encoding()(IMAGES, torch.Generator().manual_seed(1)).logits)
        assert not torch.equal(noisy, judge(IMAGES).logits)
