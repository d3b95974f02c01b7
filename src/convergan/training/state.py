"""Two players and all that a checkpoint must hold of them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..collective import mean_gradients
from ..core.layout import align
from ..networks import Discriminator, Generator
from ..objectives import HistoricalAverage, historical_averaging_penalty
from .optimizers import MakeOptimizer, make_ready, require_owned
from .plain_networks import Latent, as_discriminator, as_generator
from .weight_average import WeightAverage

MakeAverage = Callable[[Mapping[str, Tensor]], WeightAverage]


Network = TypeVar("Network", bound=nn.Module)


class NonFiniteError(ArithmeticError):
    """A loss or gradient that is not finite, found before it could change a weight."""


class Player(Generic[Network]):
    """A network, its optimiser and its averages.

    Args:
        name: for messages and checkpoints.
        network: whose trainable parameters the optimiser gets.
        make_optimizer: from parameters to an optimiser; or one that is there, which is neither
            probed nor changed and must own all of them.
        make_average: from named parameters to their moving average; None for no average.
        historical_weight: factor of the historical averaging penalty; 0 for none.

    Raises:
        ValueError: as `convergan.training.optimizers.make_ready`, naming the player; or if an
            optimiser that is there does not own all parameters.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        make_optimizer: MakeOptimizer | Optimizer,
        make_average: MakeAverage | None = None,
        historical_weight: float = 0.0,
    ) -> None:
        self.name = name
        self.network = network
        self.parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
        self.optimizer = self._optimizer_of(make_optimizer)
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = make_average(self.parameters) if make_average else None
        self.historical_weight = historical_weight
        self.history = HistoricalAverage(self.parameters) if historical_weight else None

    def _optimizer_of(self, given: MakeOptimizer | Optimizer) -> Optimizer:
        try:
            if not isinstance(given, Optimizer):
                return make_ready(given, self.parameters)
            require_owned(given, self.parameters)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error
        return given

    @property
    def device(self) -> torch.device | None:
        """Where its parameters are; None where it has none."""
        return next((p.device for p in self.parameters.values()), None)

    def set_rate(self, factor: float) -> None:
        """Set the optimiser's learning rates to ``factor`` times those that it was made with."""
        for group, base in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            group["lr"] = base * factor

    def descend(self, loss: Tensor) -> None:
        """Take one step down ``loss`` and the historical penalty; then update the averages.

        Only this player's parameters receive gradients.

        Raises:
            NonFiniteError: before any change, if the loss or a gradient is not finite.
        """
        self.update(self.differentiate(loss))

    def differentiate(self, loss: Tensor, *, keep_graph: bool = False) -> tuple[Tensor, ...]:
        """Return the gradients of ``loss`` and the historical penalty; `update` takes them.

        In several processes they are means over all, see `convergan.collective`.

        Args:
            loss: a scalar.
            keep_graph: whether another loss is to be differentiated on the same forward pass.

        Raises:
            NonFiniteError: if the loss or a gradient is not finite.
        """
        if self.history is not None:
            penalty = historical_averaging_penalty(self.parameters, self.history.means)
            loss = loss + self.historical_weight * penalty
        parameters = list(self.parameters.values())
        own = torch.autograd.grad(loss, parameters, retain_graph=keep_graph)
        mean_loss, gradients = mean_gradients(self.name, loss.detach(), own)
        self._refuse_non_finite(mean_loss, gradients)
        return gradients

    def update(self, gradients: tuple[Tensor, ...]) -> None:
        """Take one step of the optimiser, and update the averages.

        The optimiser gets gradients with the strides of the parameters, whatever they had, see
        `convergan.core.layout`.
        """
        for parameter, gradient in zip(self.parameters.values(), gradients, strict=True):
            parameter.grad = gradient
        align(self.optimizer)
        if self.average is not None and self.average.lagging:
            self.average.update(self.parameters)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None and not self.average.lagging:
            self.average.update(self.parameters)
        if self.history is not None:
            self.history.update(self.parameters)

    def _refuse_non_finite(self, loss: Tensor, gradients: tuple[Tensor, ...]) -> None:
        norms = torch.stack([loss.detach(), *torch._foreach_norm(gradients)])
        if bool(norms.isfinite().all()):
            return
        names = ["the loss", *(f"the gradient of {name}" for name in self.parameters)]
        first = next(n for n, norm in zip(names, norms.tolist(), strict=True) if norm - norm != 0)
        raise NonFiniteError(
            f"{self.name}: {first} is not finite (loss {loss.item():g}); nothing was updated"
        )

    def averaged_parameters(self) -> dict[str, Tensor]:
        """Return the parameters to test: the average, or the last ones where none is kept."""
        source = self.average.values if self.average is not None else self.parameters
        return {name: tensor.detach() for name, tensor in source.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of this player, live, keyed by what it is and whose it is."""
        found = {f"network.{name}": t for name, t in self.network.state_dict().items()}
        for name, parameter in self.parameters.items():
            for key, value in self.optimizer.state[parameter].items():
                found[f"optimizer.{key}.{name}"] = value
        if self.average is not None:
            found |= {f"average.{name}": t for name, t in self.average.tensors().items()}
        if self.history is not None:
            found |= {f"history.{name}": t for name, t in self.history.tensors().items()}
        return found


class State:
    """Everything that training changes: two players, and the number of finished steps.

    Recipes make it; `of` makes one of networks and optimizers that are there.

    Attributes:
        discriminator: the player that judges.
        generator: the player that makes rows.
        step: number of finished steps. A step function adds one when it is done, so that what
            follows from it, as in `convergan.training.top_k_step`, goes on in any loop. Set it
            where a loop goes on from a checkpoint.
    """

    def __init__(self, discriminator: Player[Discriminator], generator: Player[Generator]) -> None:
        self.discriminator = discriminator
        self.generator = generator
        self.step = 0
        self._counted = False

    @classmethod
    def of(
        cls,
        discriminator: nn.Module,
        generator: nn.Module,
        discriminator_optimizer: Optimizer,
        generator_optimizer: Optimizer,
        *,
        latent: Latent | None = None,
        historical_weight: float = 0.0,
        step: int = 0,
    ) -> Self:
        """Make a state of networks and optimizers that are there, for a loop of one's own.

        Nothing is copied: what steps train are the networks that are given, through the optimizers
        that are given, whose learning rates stay the caller's.

        Args:
            discriminator: a `convergan.networks.Discriminator`, or any module from rows
                (N, *row shape) to logits, (N,), (N, K) or (N, K, 1, 1), or to
                ``(logits, features)``. K is 1 for "data or not", larger for "data", the number of
                classes for steps that learn labels.
            generator: a `convergan.networks.Generator`, or any module from latents to rows.
            discriminator_optimizer: of all trainable parameters of the discriminator.
            generator_optimizer: of all trainable parameters of the generator.
            latent: of a plain generator: 100 for Gaussian noise of shape (N, 100), a shape such as
                (100, 1, 1) for (N, 100, 1, 1), or a function from N to N latents.
            historical_weight: factor of the historical averaging penalty of both players.
            step: number of finished steps.

        Raises:
            ValueError: if an optimizer does not own a parameter of its network, the networks are
                on different devices, ``latent`` is missing, or several processes train, whose
                gradients a step would not average.

        Example:
            >>> judge, maker = nn.Linear(2, 1), nn.Linear(8, 2)
            >>> adams = [torch.optim.Adam(network.parameters()) for network in (judge, maker)]
            >>> State.of(judge, maker, *adams, latent=8).step
            0
        """
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            if (size := torch.distributed.get_world_size()) > 1:
                raise ValueError(
                    f"{size} processes would train apart, as steps average gradients in "
                    "convergan.training.train alone; take convergan.objectives and backward()"
                )
        judge, maker = as_discriminator(discriminator), as_generator(generator, latent)
        state = cls(
            Player("discriminator", judge, discriminator_optimizer, None, historical_weight),
            Player("generator", maker, generator_optimizer, None, historical_weight),
        )
        places = [player.device for player in state.players()]
        if places[0] != places[1]:
            raise ValueError(
                f"the discriminator is on {places[0]}, the generator on {places[1]}; move both to "
                "one device"
            )
        state.step = step
        return state

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what happens inside as one step, whatever step functions are called."""
        before, self._counted = self._counted, True
        try:
            yield
        finally:
            self._counted = before
        self.count()

    def count(self) -> None:
        """Count a step, unless `counted` does."""
        if not self._counted:
            self.step += 1

    def players(self) -> Iterator[Player[Any]]:
        """Yield the discriminator, then the generator."""
        yield self.discriminator
        yield self.generator

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor of both players, live, by name, and the step."""
        found = {"step": torch.tensor(self.step)}
        for player in self.players():
            found |= {f"{player.name}.{name}": t for name, t in player.tensors().items()}
        return found

    def copied_tensors(self) -> dict[str, Tensor]:
        """Return copies of `tensors`, for `load`."""
        return {name: tensor.detach().clone() for name, tensor in self.tensors().items()}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint that has this state's names and shapes."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
        self.step = int(tensors["step"])

    def digests(self) -> dict[str, str]:
        """Hash the bits of each tensor."""
        return {n: hashlib.sha256(_bits(t)).hexdigest() for n, t in sorted(self.tensors().items())}

    def sha256(self) -> str:
        """Hash names, types, shapes and bits of all tensors."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.tensors().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(_bits(tensor))
        return digest.hexdigest()


def _bits(tensor: Tensor) -> memoryview:
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data
