"""Our Inception extractor against torch-fidelity's network, on the same file of weights."""

import hashlib
from pathlib import Path

import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from convergan.metrics import inception_score
from convergan.metrics.features import find_extractor
from tests_parity.material import Pair


def test_features_and_logits_are_torch_fidelitys_to_the_bit(pair: Pair, weights: Path) -> None:
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    extractor = find_extractor(f"inception:{weights}@{sha256}")
    assert f"sha256 {sha256[:8]}" in extractor.name
    features, logits = extractor.network(pair.real.images[:16].float() / 255)
    assert torch.equal(features, pair.real.layers["2048"][:16])
    theirs = pair.real.layers["logits_unbiased"][:16]
    assert torch.allclose(logits, theirs, rtol=1e-6, atol=1e-5)
    score = isc_features_to_metric(theirs, splits=2, shuffle=False)["inception_score_mean"]
    assert abs(inception_score(logits=logits, splits=2).mean / score - 1) < 1e-6
