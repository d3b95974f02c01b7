from functools import partial

import pytest
import torch

from convergan.core.chance import derive
from convergan.data import Batch
from convergan.networks import evaluating
from convergan.objectives import (
    class_imbalance,
    consistency_loss,
    prediction_divergence,
    prediction_entropy,
    virtual_adversarial_loss,
)
from convergan.recipes import find_recipe
from convergan.training import (
    State,
    WeightAverage,
    certainty,
    interpolation_consistency,
    teacher_adversarial,
    teacher_consistency,
    virtual_adversarial,
)

TERM = partial(interpolation_consistency, weight=1.0, spread_weight=4.0, spread_until=100)


def state_at(step: int) -> State:
    recipe = find_recipe("digits")
    state = recipe.start(rows(), 3, seed=0, device=torch.device("cpu"))
    state.step = step
    return state


def rows() -> torch.Tensor:
    return torch.rand(20, 1, 4, 4, generator=derive(0, "rows"))


def batch() -> Batch:
    spread = torch.rand(20, 3, generator=derive(0, "spread")).softmax(dim=1)
    return Batch(rows(), torch.zeros(20, dtype=torch.int64), rows(), rows(), spread)


def average_of(state: State) -> WeightAverage:
    assert state.discriminator.average is not None
    return state.discriminator.average


def opinion(state: State) -> torch.Tensor:
    with evaluating(state.discriminator.network):
        return state.discriminator.network(rows()).logits.softmax(dim=1).detach()


def term_of(state: State, batch: Batch) -> torch.Tensor:
    return TERM(state, batch, torch.zeros(20, 3), derive(0, "term"))


def value(state: State) -> float:
    return term_of(state, batch()).item()


def test_label_spreading_alone_is_the_teacher_at_first() -> None:
    state = state_at(0)
    before = value(state)
    average_of(state).values["output.bias"] += torch.tensor([5.0, 0.0, 0.0])
    assert value(state) == before


def test_the_averaged_weights_alone_are_the_teacher_in_the_end() -> None:
    state = state_at(100)
    before = value(state)
    other = batch()._replace(spread=batch().spread.flip(1))
    assert term_of(state, other).item() == before
    average_of(state).values["output.bias"] += torch.tensor([5.0, 0.0, 0.0])
    assert value(state) != before


def test_the_weight_goes_in_a_straight_line_from_first_to_last() -> None:
    agreeing = batch()._replace(spread=opinion(state_at(0)))  # so that the teacher never changes
    values = [term_of(state_at(step), agreeing).item() for step in (0, 50, 100, 900)]
    assert values[3] > 0
    torch.testing.assert_close(values, [4 * values[3], 2.5 * values[3], values[3], values[3]])


def test_a_step_with_a_weightless_term_is_the_step_without_it() -> None:
    step = find_recipe("digits").step
    assert isinstance(step, partial)
    weightless = partial(TERM, weight=0.0, spread_weight=0.0)
    states = [state_at(0), state_at(0)]
    partial(step, regularizers=(weightless,))(states[0], batch(), derive(0, "step"))
    partial(step, regularizers=())(states[1], batch(), derive(0, "step"))
    weights = [state.discriminator.parameters["output.bias"] for state in states]
    torch.testing.assert_close(*weights)


def test_a_recipe_that_spreads_no_labels_is_told_so() -> None:
    with pytest.raises(ValueError, match="needs a recipe's neighbors"):
        term_of(state_at(0), batch()._replace(spread=torch.empty(20, 0)))


# --- a teacher of the same rows ------------------------------------------------------------------

TEACHING = partial(teacher_consistency, weight=1.0, spread_weight=4.0, spread_until=100)


def student_logits() -> torch.Tensor:
    return torch.randn(20, 3, generator=derive(0, "logits"))


def teach(state: State, batch: Batch, logits: torch.Tensor | None = None) -> torch.Tensor:
    return TEACHING(state, batch, student_logits() if logits is None else logits, derive(0, "term"))


def averaged_opinion(state: State) -> torch.Tensor:
    """Of a fresh state, whose average is where it started, with one bias of it moved."""
    average_of(state).values["output.bias"] += torch.tensor([5.0, 0.0, 0.0])
    other = state_at(0)
    with torch.no_grad():
        bias = other.discriminator.parameters["output.bias"]
        bias.add_(torch.tensor([5.0, 0.0, 0.0]))
    return opinion(other)


@pytest.mark.parametrize(
    ("step", "share", "strength"), [(0, 0, 4), (25, 0.25, 3.25), (100, 1, 1), (900, 1, 1)]
)
def test_students_are_held_to_spread_labels_and_averaged_weights_in_turn(
    step: int, share: float, strength: float
) -> None:
    state = state_at(step)
    teacher = averaged_opinion(state)
    targets = (1 - share) * batch().spread + share * teacher
    expected = strength * consistency_loss(student_logits(), targets)
    torch.testing.assert_close(teach(state, batch()), expected)


@pytest.mark.parametrize(("step", "share"), [(0, 0), (25, 0.25), (70, 0.6), (900, 0.6)])
def test_label_spreading_can_keep_a_share_of_the_teacher(step: int, share: float) -> None:
    state = state_at(step)
    targets = batch().spread.lerp(averaged_opinion(state), share)
    term = partial(TEACHING, weight=4.0, spread_share=0.4)
    expected = 4 * consistency_loss(student_logits(), targets)
    torch.testing.assert_close(term(state, batch(), student_logits(), derive(0, "term")), expected)


def test_teacher_consistency_reaches_the_logits_and_nothing_of_the_teacher() -> None:
    state, logits = state_at(50), student_logits().requires_grad_()
    term = teach(state, batch(), logits)
    term.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and logits.grad.abs().min().item() > 0
    assert all(p.grad is None for p in state.discriminator.network.parameters())


def test_teacher_consistency_uses_no_chance() -> None:
    chance = derive(0, "term")
    before = chance.get_state()
    TEACHING(state_at(50), batch(), student_logits(), chance)
    assert chance.get_state().equal(before)


def test_a_teacher_without_spread_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a recipe's neighbors"):
        teach(state_at(0), batch()._replace(spread=torch.empty(20, 0)))


# --- virtual adversaries -------------------------------------------------------------------------


def adversarial(state: State, weight: float = 3.0) -> torch.Tensor:
    return virtual_adversarial(
        state, batch(), student_logits(), derive(0, "term"), weight=weight, radius=0.5, probe=0.2
    )


def test_virtual_adversaries_are_sought_without_noise_and_weighed() -> None:
    state = state_at(0)
    with evaluating(state.discriminator.network):
        expected = virtual_adversarial_loss(
            lambda given: state.discriminator.network(given).logits,
            rows(),
            radius=0.5,
            probe=0.2,
            chance=derive(0, "term"),
        ).item()
    assert expected > 0
    assert adversarial(state).item() == pytest.approx(3 * expected)
    assert adversarial(state, weight=0.0).item() == 0


def test_virtual_adversaries_reach_the_discriminator_alone_and_leave_its_noise_to_others() -> None:
    state = state_at(0)
    term = adversarial(state)
    assert all(p.grad is None for p in state.discriminator.network.parameters())
    term.backward()  # type: ignore[no-untyped-call]
    reached = {n for n, p in state.discriminator.parameters.items() if p.grad is not None}
    assert reached == set(state.discriminator.parameters)
    assert all(p.grad is None for p in state.generator.network.parameters())


def test_every_term_joins_the_loss_of_a_step() -> None:
    step = find_recipe("digits").step
    assert isinstance(step, partial)
    adversary = partial(virtual_adversarial, weight=1.0, radius=0.5, probe=0.2)
    biases = []
    for terms in ((), (TEACHING,), (adversary,), (TEACHING, adversary)):
        state = state_at(0)
        partial(step, regularizers=terms)(state, batch(), derive(0, "step"))
        biases.append(tuple(state.discriminator.parameters["output.bias"].tolist()))
    assert len(set(biases)) == 4


# --- a teacher at the worst change ---------------------------------------------------------------

WORST = partial(teacher_adversarial, weight=2.0, radius=0.7, rising=(10, 30))


def with_slopes() -> Batch:
    return batch()._replace(unlabeled=rows().requires_grad_())


def worst(state: State, batch: Batch) -> torch.Tensor:
    logits = state.discriminator.network(batch.unlabeled, derive(0, "noise")).logits
    return WORST(state, batch, logits, derive(0, "term"))


def test_the_student_is_held_to_its_average_at_the_steepest_change_of_the_noisy_pass() -> None:
    state, given = state_at(30), with_slopes()
    targets = averaged_opinion(state)
    network = state.discriminator.network
    student = network(given.unlabeled, derive(0, "noise")).logits.log_softmax(dim=1)
    [slope] = torch.autograd.grad(-(targets * student).sum(), given.unlabeled)
    lengths = slope.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    moved = network(rows() + 0.7 * slope / lengths, derive(0, "term")).logits
    expected = 2 * prediction_divergence(targets.log(), moved)
    torch.testing.assert_close(worst(state, given), expected)


def test_its_weight_rises_between_two_steps() -> None:
    found = [worst(state_at(step), with_slopes()).item() for step in (0, 10, 20, 30, 99)]
    assert found[:2] == [0, 0] and found[3] == found[4] > 0
    assert found[2] == pytest.approx(found[3] / 2)


def test_where_it_teaches_nothing_it_makes_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    state, given = state_at(10), with_slopes()
    logits = state.discriminator.network(given.unlabeled, derive(0, "noise")).logits
    monkeypatch.setattr(type(state.discriminator.network), "forward", lambda *_: pytest.fail())
    assert WORST(state, given, logits, derive(0, "term")).item() == 0


def test_it_teaches_the_network_and_neither_its_average_nor_the_rows() -> None:
    state, given = state_at(30), with_slopes()
    averaged_opinion(state)  # which moves the average away from the student
    averages = list(average_of(state).values.values())
    weights = state.discriminator.parameters["output.bias"]
    loss = worst(state, given)
    [gradient] = torch.autograd.grad(loss, weights, retain_graph=True)
    assert gradient.abs().max().item() > 0
    assert not any(average.requires_grad for average in averages)
    [none] = torch.autograd.grad(loss, given.unlabeled, allow_unused=True)
    assert none is None


def test_rows_without_slopes_are_refused() -> None:
    with pytest.raises(ValueError, match="take semi_supervised_joint_step"):
        worst(state_at(30), batch())


# --- certainty -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (20, 0.5), (40, 1.0)])
def test_certainty_rises_and_balance_is_there_from_the_start(step: int, share: float) -> None:
    logits = student_logits() + torch.tensor([2.0, 0.0, 0.0])
    term = partial(certainty, weight=0.3, balance_weight=2.0, slack=0.01, rising=(10, 30))
    found = term(state_at(step), batch(), logits, derive(0, "term"))
    sure, balanced = prediction_entropy(logits), class_imbalance(logits, slack=0.01)
    assert balanced.item() > 0
    torch.testing.assert_close(found, share * 0.3 * sure + 2 * balanced)
