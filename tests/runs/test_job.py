"""A job starts the networks of its recipe on its rows."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from convergan.data import load
from convergan.recipes import find_recipe
from convergan.runs.job import Job
from tests.runs.trainers import job


def weights(job: Job) -> list[Tensor]:
    state = job.start()
    players = (state.discriminator, state.generator)
    return [tensor for p in players for tensor in p.network.state_dict().values()]


def equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_start_is_decided_by_the_seed_and_the_rows(tmp_path: Path) -> None:
    digits = load("digits")
    one = job(find_recipe("digits"), tmp_path, digits)
    dark = replace(digits, train=replace(digits.train, images=digits.train.images[:] // 2))
    start = weights(one)
    assert equal(start, weights(replace(one, steps=99, keep=1, method="twin")))
    assert not equal(start, weights(replace(one, seed=1)))
    assert not equal(start, weights(replace(one, dataset=dark)))  # which the start from data sees


def test_there_is_a_logit_for_each_class_of_the_rows(tmp_path: Path) -> None:
    digits = load("digits")
    network = job(find_recipe("digits"), tmp_path, digits).start().discriminator.network
    assert network(digits.test.images[:3] / 255).logits.shape == (3, 10)
