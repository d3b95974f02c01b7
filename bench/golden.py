"""Replay the numbers that were recorded from the authors' released scripts.

``python -m bench.golden FILE...`` replays each file through the recipe of its script, in float64,
its networks narrowed to the file's, and prints for the start, a forward pass, the losses, the
updates and the tested average how far they are from what was recorded. (The training error, and a
generator's losses that a script did not return, are not compared.) ``--recipe svhn`` replays
through another recipe of the same networks and updates. The exit status is 1 if any figure is above
1e-9, 2 if a file cannot be replayed.

A file has all inputs and draws of a script, and what it made of them; tests/golden/README.md
describes its arrays. Draws come in through `convergan.core.chance.supplied_draws`.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from convergan.core.chance import derive, supplied_draws
from convergan.data import Batch
from convergan.networks import Discriminator, Generator, evaluating, similarities
from convergan.objectives import supervised_loss, unsupervised_loss
from convergan.recipes import Recipe, find_recipe
from convergan.training import State

LARGEST = 1e-9
"""Difference that rounding may explain in float64."""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Script:
    """What was recorded.

    Attributes:
        name: for messages.
        recipes: that it can be replayed through, its own first.
        matched: groups of draws for feature matching, of real and of generated rows, see
            `Golden.draws`; None where none is done.
    """

    name: str
    recipes: tuple[str, ...]
    matched: tuple[int, int] | None


SCRIPTS = {
    "mnist": Script("MNIST with feature matching", ("mnist",), (5, 4)),
    "cifar10": Script("CIFAR-10 with feature matching", ("cifar10", "svhn"), (4, 5)),
    "cifar10-minibatch": Script(
        "CIFAR-10 with minibatch discrimination", ("cifar10-minibatch", "svhn-minibatch"), None
    ),
}


class GoldenError(ValueError):
    """A file that cannot be replayed; the message names it and the reason."""


class Golden:
    """A file of recorded numbers.

    Args:
        path: of the file.
        device: where it is replayed.

    Raises:
        GoldenError: if it is no such file.
    """

    def __init__(self, path: Path, device: torch.device = CPU) -> None:
        self.path = path
        self.device = device
        self.unused = derive(0, "unused", device=device)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                self._arrays = {name: arrays[name] for name in arrays.files}
        except Exception as error:  # numpy raises half a dozen kinds for damaged files
            raise GoldenError(f"{path} is no file of recorded numbers: {error}") from None
        self.noise_layers = int(self["noise_layers"])
        self.steps = int(self.shape("losses_discriminator")[0])

    @property
    def script(self) -> Script:
        """What the file was recorded from, by its arrays."""
        if len(self.shape("x_init")) == 2:
            return SCRIPTS["mnist"]
        theta = any(name.endswith("_theta") for name in self._arrays)
        return SCRIPTS["cifar10-minibatch" if theta else "cifar10"]

    def _raw(self, name: str) -> tuple[np.ndarray[Any, Any], bool]:
        """An array, and whether it holds levels of 255."""
        if name in self._arrays:
            return self._arrays[name], False
        if f"{name}.levels" in self._arrays:
            return self._arrays[f"{name}.levels"], True
        raise GoldenError(
            f"{self.path} lacks the array {name}: it is cut short, or was not recorded from one of "
            f"{', '.join(script.name for script in SCRIPTS.values())}"
        )

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._raw(name)[0].shape)

    def __getitem__(self, name: str) -> Tensor:
        """An array in float64, levels as shares of 255; class numbers as they are."""
        array, levels = self._raw(name)
        if array.dtype.kind in "iu" and not levels:
            return torch.from_numpy(array.astype(np.int64)).to(self.device)
        values = torch.from_numpy(array.astype(np.float64)).to(self.device)
        return values / (255 if levels else 1)

    def draws(self, place: str, *groups: int, matched: bool = False) -> list[Tensor]:
        """The draws of each noise layer, those of several groups of rows in one tensor.

        Args:
            place: for example ``s00/D``.
            groups: 0 for the start, 1 labelled, 2 unlabelled, 3 generated rows, 4 and 5 those for
                feature matching, which lack the last layer where it lies behind the features.
            matched: rows for feature matching, whose noise behind the features is as good as any.
        """
        layers = self.noise_layers
        behind = matched and len(self.shape("x_init")) == 2
        listed = layers - behind
        found = []
        for layer in range(listed):
            numbers = [1 + min(g, 4) * layers + max(0, g - 4) * listed + layer for g in groups]
            parts = [self[f"{place}/draw{number:03d}"] for number in numbers]
            found.append(torch.cat(parts))
        if behind:
            found.append(torch.zeros_like(found[-1]))
        return found

    def latent(self, place: str) -> Tensor:
        return self[f"{place}/draw000"]

    def weights(self, stage: str, player: str) -> dict[str, list[Tensor]]:
        """Weights, gains and biases of a player in the order of its layers, as recorded."""
        prefix = f"{stage}/{player}/"
        names = sorted(name for name in self._arrays if name.startswith(prefix))
        if not names:
            raise GoldenError(f"{self.path} lacks the arrays {prefix}..., it is cut short")
        found: dict[str, list[Tensor]] = {"weights": [], "gains": [], "biases": []}
        for name in names:
            ending = name.removeprefix(prefix).split("_", 1)[1]
            found[KINDS[ending]].append(self[name])
        return found


KINDS = {
    "W": "weights",
    "theta": "weights",
    "g": "gains",
    "weight_scale": "gains",
    "W_scale": "gains",
    "log_weight_scale": "gains",
    "b": "biases",
}
"""What a recorded array is, by the end of its name."""


def kind_of(parameter: str) -> str:
    """What a parameter of ours is, by its name."""
    if parameter.endswith(("original1", ".weight", "directions")):
        return "weights"
    return "gains" if parameter.endswith(("original0", "log_gains")) else "biases"


def as_ours(array: Tensor, kind: str, like: Tensor, *, flipped: bool) -> Tensor:
    """A recorded array in the shape of our parameter, or as it is where the sizes differ.

    Dense weights are (inputs, outputs) there, those of 1x1 convolutions too; kernels of transposed
    convolutions are flipped.
    """
    if kind == "weights" and array.dim() == 4 and flipped:
        array = array.flip(2, 3)
    if kind == "weights" and array.dim() == 2:
        array = array.T
    return array.reshape(like.shape) if array.numel() == like.numel() else array


def recorded(golden: Golden, stage: str, player: str, ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """What was recorded of a player at some stage, under the names of our parameters."""
    found = golden.weights(stage, player)
    result = {}
    for kind, arrays in found.items():
        names = [name for name in ours if kind_of(name) == kind]
        if len(names) != len(arrays):
            raise GoldenError(
                f"{golden.path}: {stage}/{player} has {len(arrays)} {kind}, the recipe's "
                f"{player} {len(names)}: it was recorded from another script"
            )
        for name, array in zip(names, arrays, strict=True):
            array = as_ours(array, kind, ours[name], flipped=player == "generator")
            if array.shape != ours[name].shape:
                raise GoldenError(
                    f"{golden.path}: {stage}/{player} has {kind} of shape {tuple(array.shape)} "
                    f"where the recipe has {tuple(ours[name].shape)}: it was recorded from another "
                    "script"
                )
            result[name] = array
    return result


def narrowed(recipe: Recipe, golden: Golden) -> Recipe:
    """The recipe with networks of the file's widths."""
    judge, maker = (golden.weights("built", player)["weights"] for player in PLAYERS)
    judging: dict[str, Any] = {"channels": len(judge[0])}
    making: dict[str, Any] = {"channels": len(maker[1])}
    if golden.script is SCRIPTS["mnist"]:
        judging = {"hidden": [weight.shape[1] for weight in judge[:-1]]}
        making = {"hidden": [weight.shape[1] for weight in maker[:-1]]}
    elif golden.script is SCRIPTS["cifar10-minibatch"]:
        kernels = next(weight.shape[1] for weight in judge if weight.dim() == 3)
        judging["minibatch_features"] = partial(similarities, num_kernels=kernels)
    return replace(
        recipe,
        discriminator=partial(recipe.discriminator, **judging),
        generator=partial(recipe.generator, **making),
    )


PLAYERS = ("discriminator", "generator")


def named(network: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in network.named_parameters()}


def built(recipe: Recipe, golden: Golden) -> tuple[Discriminator, Generator]:
    """Both networks with the weights that the script drew, in float64."""
    shape = golden.shape("x_init")[1:]
    chance = derive(0, "replaced weights")
    discriminator = recipe.discriminator(shape, 10, chance).double().to(golden.device)
    generator = recipe.generator(shape, chance).double().to(golden.device)
    for player, network in zip(PLAYERS, (discriminator, generator), strict=True):
        with torch.no_grad():
            ours = named(network)
            for name, array in recorded(golden, "built", player, ours).items():
                ours[name].copy_(array)
    return discriminator, generator


def start(recipe: Recipe, golden: Golden, judge: Discriminator, maker: Generator) -> None:
    """The data-dependent start on the file's rows and draws."""
    if recipe.discriminator_start:
        rows = golden["x_init"]
        with supplied_draws(golden.draws("init", 0)):
            recipe.discriminator_start(judge, lambda: judge(rows, golden.unused))
    if recipe.generator_start:
        latent = golden.latent("init")
        recipe.generator_start(maker, lambda: maker(latent))


def draws_of_step(golden: Golden, place: str) -> Iterator[Tensor]:
    """The draws of a step in the order in which our steps ask for them."""
    yield golden.latent(f"{place}/D")
    together = golden.script.matched is not None
    for groups in [(1, 2, 3)] if together else [(1,), (2,), (3,)]:
        yield from golden.draws(f"{place}/D", *groups)
    updates = 1 if together else RELEASED_GENERATOR_STEPS
    for update in range(updates):
        making = f"{place}/G{update}"
        if golden.script.matched:
            real, fake = golden.script.matched
            yield from golden.draws(making, real, matched=True)
            yield golden.latent(making)
            yield from golden.draws(making, fake, matched=True)
        else:
            yield golden.latent(making)
            yield from golden.draws(making, 3)


RELEASED_GENERATOR_STEPS = 3
"""Updates of the generator for one of the discriminator with minibatch discrimination."""


def batch_of_step(golden: Golden, place: str) -> Batch:
    return Batch(
        labeled=golden[f"{place}/xl"],
        labels=golden[f"{place}/yl"],
        unlabeled=golden[f"{place}/xu"],
        matching=golden[f"{place}/xm"],
        spread=golden[f"{place}/xu"].new_empty(len(golden[f"{place}/xu"]), 0),
    )


def relative(ours: Tensor, theirs: Tensor) -> float:
    """The greatest difference, as a share of the greatest value."""
    if ours.shape != theirs.shape:
        raise GoldenError(f"shape {tuple(theirs.shape)} was recorded of {tuple(ours.shape)}")
    most, apart = float(theirs.abs().max()), float((ours - theirs).abs().max())
    return apart / (most or 1.0)


def worst(figures: Iterable[float]) -> float:
    """The greatest; no number if any is none, where ``max`` may pass over it."""
    return float(torch.tensor(list(figures), dtype=torch.float64).max())


def greatest(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    return worst(relative(ours[name], theirs[name]) for name in theirs)


def of_distance(
    ours: dict[str, Tensor], theirs: dict[str, Tensor], before: dict[str, Tensor]
) -> float:
    """The greatest |difference| / |distance moved| of any tensor that moved."""
    ratios: list[float] = []
    for name, there in theirs.items():
        moved = (there - before[name]).norm().item()
        apart = (ours[name] - there).norm().item()
        ratios.append(apart / moved if moved else apart)
    return worst(ratios)


Figures = dict[str, float]


def replay(golden: Golden, recipe_name: str | None = None) -> Figures:
    """Replay a file through a recipe.

    Returns:
        By what is compared, the greatest relative difference; for updates, |difference| over
        |distance moved|.

    Raises:
        GoldenError: if the recipe has other networks or updates than the file's script.
    """
    script = golden.script
    name = recipe_name or script.recipes[0]
    find_recipe(name)
    if name not in script.recipes:
        raise GoldenError(
            f"{golden.path} was recorded from {script.name}, which recipe {name} is not; it "
            f"replays through {' or '.join(script.recipes)}"
        )
    recipe = narrowed(find_recipe(name), golden)
    judge, maker = built(recipe, golden)
    start(recipe, golden, judge, maker)
    networks = dict(zip(PLAYERS, (judge, maker), strict=True))
    figures = {
        f"start, {player}": greatest(
            named(network), recorded(golden, "started", player, named(network))
        )
        for player, network in networks.items()
    }
    figures |= forward(recipe, golden, judge, maker)
    return figures | updates(recipe, golden, recipe.players(judge, maker))


@torch.no_grad()
def forward(recipe: Recipe, golden: Golden, judge: Discriminator, maker: Generator) -> Figures:
    """One forward pass after the start, with and without noise."""
    fakes = maker(golden.latent("fwd"))
    in_script = fakes if golden.script is SCRIPTS["mnist"] else 2 * fakes - 1
    with evaluating(judge):
        quiet = judge(golden["x_test"]).logits
    figures = {
        "forward, logits without noise": relative(quiet, golden["logits_det"]),
        "forward, generated rows": relative(in_script, golden["gen_dat"]),
    }
    kinds = {"lab": golden["fwd/xl"], "unl": golden["fwd/xu"], "fake": fakes}
    logits = {}
    for group, (kind, rows) in enumerate(kinds.items(), start=1):
        with supplied_draws(golden.draws("fwd", group)):
            logits[kind] = judge(rows, golden.unused).logits
    figures["forward, logits"] = worst(relative(logits[k], golden[f"fwd/{k}"]) for k in kinds)
    options: dict[str, Any] = getattr(recipe.step, "keywords", {})
    if golden.script.matched:
        features = []
        for group, rows in zip(golden.script.matched, (golden["fwd/xu"], fakes), strict=True):
            with supplied_draws(golden.draws("fwd", group, matched=True)):
                features.append(judge(rows, golden.unused).features)
        real, fake = features
        means = {"mom_real": real.mean(dim=0), "mom_gen": fake.mean(dim=0)}
        figures["forward, features"] = worst(
            relative(mean, golden[f"fwd/{name}"]) for name, mean in means.items()
        )
        making = options["feature_matching"](fake, real)
    else:
        making = options["generator_loss"](logits["fake"].logsumexp(dim=1))
    losses = {
        "loss_lab": supervised_loss(logits["lab"], golden["fwd/yl"]),
        "loss_unl": unsupervised_loss(logits["unl"], logits["fake"]),
        "loss_gen": making,
    }
    figures["forward, losses"] = worst(relative(v, golden[f"fwd/{n}"]) for n, v in losses.items())
    return figures


def updates(recipe: Recipe, golden: Golden, state: State) -> Figures:
    """All recorded steps of both players."""
    before = {
        player.name: recorded(golden, "started", player.name, named(player.network))
        for player in state.players()
    }
    there = golden["losses_discriminator"]
    making_there = golden["losses_generator"]
    apart: list[float] = []
    figures: Figures = {}
    for step in range(golden.steps):
        place = f"s{step:02d}"
        with supplied_draws(draws_of_step(golden, place)):
            losses = recipe.step(state, batch_of_step(golden, place), golden.unused)
        judging = losses.get("unsupervised_loss")
        if judging is None:
            judging = losses["discriminator_loss"] / 2  # what the script calls its loss
        apart += [
            relative(losses["supervised_loss"], there[step, 0]),
            relative(judging, there[step, 1]),
        ]
        if step < len(making_there) and bool(making_there[step].isfinite()):
            apart.append(relative(losses["generator_loss"], making_there[step]))
        if step + 1 in (1, golden.steps):
            for player in state.players():
                ours = named(player.network)
                theirs = recorded(golden, f"after_{step + 1}", player.name, ours)
                label = f"update {step + 1}, {player.name}, of the distance moved"
                figures[label] = of_distance(ours, theirs, before[player.name])
    figures["losses before each update"] = worst(apart)
    ours = state.discriminator.averaged_parameters()
    figures["tested average"] = greatest(ours, recorded(golden, "average", "discriminator", ours))
    return figures


def show(path: Path, recipe: str, figures: Figures) -> bool:
    """Print a table; say whether all is within rounding."""
    print(f"\n{path} through recipe {recipe}")
    for name, figure in figures.items():
        print(f"  {name:52} {figure:8.1e}{'' if figure <= LARGEST else '  <- above 1e-9'}")
    return all(figure <= LARGEST for figure in figures.values())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="as in tests/golden")
    recipes = ", ".join(name for script in SCRIPTS.values() for name in script.recipes)
    parser.add_argument("--recipe", help=f"one of {recipes}; the file's own by default")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no CUDA device here; leave out --device")
    torch.set_num_threads(1)
    try:
        agree = []
        for path in arguments.files:
            golden = Golden(path, torch.device(arguments.device))
            recipe = arguments.recipe or golden.script.recipes[0]
            agree.append(show(path, recipe, replay(golden, recipe)))
    except Exception as error:  # arrays that do not go together fail anywhere
        reason = " ".join(str(error).split())
        where = "" if str(path) in reason else f"{path} cannot be replayed: "
        print(f"{where}{reason}", file=sys.stderr)
        return 2
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
