"""Generator-guided discriminator: it finds in an image the features it was made from.

Lee et al. (2022), "Generator Knows What Discriminator Should Learn in Unconditional GANs" (GGDR):
with ``t`` a feature map of the generator and ``u`` what a decoder behind the discriminator's
encoder makes of the same generated images, both (N, C_r, r, r),

``L_D += weight (1 - mean_{n, y, x} cos_channels(u, t))``, on generated rows alone; weight 10.

Paper and public code: written from the paper's description. Any generator with a map of side ``r``
will do; the decoder is `convergan.networks.GuidanceDecoder`. Where images are augmented before they
are judged, ``t`` must go through the same warp; changes of colour are for the images alone.
"""

import torch
from torch import Tensor


def guidance_loss(decoded: Tensor, generator_features: Tensor) -> Tensor:
    """Return 1 less the mean cosine, over channels, of two maps.

    Args:
        decoded: (N, C, *place), of the discriminator; receives the gradient. Where all channels
            are 0 there is no direction, and the cosine counts as 0.
        generator_features: the same shape; detached, so that the generator learns nothing here.

    Returns:
        A scalar in [0, 2]; 0 if and only if the maps agree everywhere but for positive factors.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> maps = torch.ones(2, 3, 4, 4)
        >>> [round(guidance_loss(c * maps, maps).item(), 4) for c in (5, 0, -1)]
        [0.0, 1.0, 2.0]
    """
    if decoded.shape != generator_features.shape:
        raise ValueError(
            "the decoder must make maps of the generator's shape "
            f"{tuple(generator_features.shape)}, got {tuple(decoded.shape)}"
        )
    cosines = (_unit(decoded) * _unit(generator_features.detach())).sum(dim=1)
    return 1 - cosines.mean()


def _unit(maps: Tensor) -> Tensor:
    """Scale the channels at each place to length 1; zeros stay."""
    lengths = torch.linalg.vector_norm(maps, dim=1, keepdim=True)
    units: Tensor = maps / lengths.where(lengths > 0, 1)
    return units
