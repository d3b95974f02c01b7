"""Recipes by name, or from a file of your own."""

from collections.abc import Callable
from pathlib import Path

from ..core.names import look_up
from ..core.user_code import load_function
from ..data import DataError
from .ablations import ablation, ablations, cifar10_ablation
from .collapse import variants
from .description import describe as describe
from .description import describe_training as describe_training
from .digits import digits
from .imagenet import imagenet
from .minibatch import cifar10_minibatch, cifar10_narrow_minibatch, mnist_minibatch, svhn_minibatch
from .mnist import mnist, mnist_2016, mnist_fast, mnist_pixels
from .recipe import Recipe as Recipe
from .recipe import StartFromData as StartFromData
from .residual import cifar10_ggdr, cifar10_r3gan
from .small_images import cifar10, cifar10_2016, cifar10_narrow, svhn, svhn_2016
from .stacked import stacked
from .toy import toy

RECIPES: dict[str, Callable[[], Recipe]] = {
    "cifar10": cifar10,
    "cifar10-2016": cifar10_2016,
    "cifar10-ggdr": cifar10_ggdr,
    "cifar10-narrow": cifar10_narrow,
    "cifar10-r3gan": cifar10_r3gan,
    "digits": digits,
    "mnist": mnist,
    "mnist-2016": mnist_2016,
    "mnist-fast": mnist_fast,
    "mnist-pixels": mnist_pixels,
    "svhn": svhn,
    "svhn-2016": svhn_2016,
    "imagenet": imagenet,
    "mnist-minibatch": mnist_minibatch,
    "svhn-minibatch": svhn_minibatch,
    "cifar10-minibatch": cifar10_minibatch,
    "cifar10-narrow-minibatch": cifar10_narrow_minibatch,
    **ablations("ablation", ablation),
    **ablations("cifar10-ablation", cifar10_ablation),
    **variants("toy", toy),
    **variants("stacked", stacked),
}


def find_recipe(name: str) -> Recipe:
    """Return the recipe of a built-in name, or of ``my_file.py:my_function``.

    Raises:
        ValueError: if there is none; the message names the nearest.

    Example:
        >>> find_recipe("mnist").batch_size
        100
        >>> find_recipe("minst")
        Traceback (most recent call last):
        ValueError: no recipe 'minst'; did you mean mnist, mnist-fast or mnist-2016?
    """
    if ".py:" in name:
        return _from_file(*name.rsplit(":", 1))
    return look_up("recipe", name, RECIPES)()


def _from_file(file: str, function: str) -> Recipe:
    path = Path(file)
    if not path.is_file():
        raise DataError(f"no file {file} to take the recipe {function} from")
    recipe = load_function(path, function)()
    if not isinstance(recipe, Recipe):
        raise ValueError(f"{name_of(file, function)} must return a Recipe, got {type(recipe)}")
    return recipe


def name_of(file: str, function: str) -> str:
    """Return how the command line spells a function in a file."""
    return f"{file}:{function}"
