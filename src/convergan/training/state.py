"""Two players and all that a checkpoint must hold of them."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from ..collective import mean_gradients
from ..core.layout import align
from ..networks import Discriminator, Generator
from ..objectives import HistoricalAverage, historical_averaging_penalty
from .optimizers import MakeOptimizer, make_ready
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
        make_optimizer: from parameters to an optimiser.
        make_average: from named parameters to their moving average; None for no average.
        historical_weight: factor of the historical averaging penalty; 0 for none.

    Raises:
        ValueError: as `convergan.training.optimizers.make_ready`, naming the player.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        make_optimizer: MakeOptimizer,
        make_average: MakeAverage | None = None,
        historical_weight: float = 0.0,
    ) -> None:
        self.name = name
        self.network = network
        self.parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
        try:
            self.optimizer = make_ready(make_optimizer, self.parameters)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        self.base_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.average = make_average(self.parameters) if make_average else None
        self.historical_weight = historical_weight
        self.history = HistoricalAverage(self.parameters) if historical_weight else None

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
    """Everything that training changes: two players, and the number of finished steps."""

    def __init__(self, discriminator: Player[Discriminator], generator: Player[Generator]) -> None:
        self.discriminator = discriminator
        self.generator = generator
        self.step = 0

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
