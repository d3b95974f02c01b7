"""Recipes by name, or from a file of your own."""

from collections.abc import Callable
from pathlib import Path

from ..core.code_hashes import code_hashes
from ..core.names import look_up
from ..core.user_code import load_function, why_not_callable
from ..data import DataError
from .ablations import ablation, ablations, cifar10_ablation
from .collapse import variants
from .description import describe as describe
from .description import describe_training as describe_training
from .digits import digits
from .fields import require_fields as require_fields
from .imagenet import imagenet
from .minibatch import cifar10_minibatch, cifar10_narrow_minibatch, mnist_minibatch, svhn_minibatch
from .mnist import mnist, mnist_2016, mnist_components, mnist_graph, mnist_pixels, mnist_vectors
from .numbers import name_with_numbers as name_with_numbers
from .numbers import numbers as numbers
from .numbers import split_numbers, with_numbers
from .recipe import Recipe as Recipe
from .recipe import StartFromData as StartFromData
from .residual import cifar10_ggdr, cifar10_r3gan
from .small_images import cifar10, cifar10_2016, cifar10_narrow, svhn, svhn_2016
from .stacked import stacked, stacked_long
from .toy import toy
from .without import WITHOUT, without
from .without import name_without as name_without

RECIPES: dict[str, Callable[[], Recipe]] = {
    "cifar10": cifar10,
    "cifar10-2016": cifar10_2016,
    "cifar10-ggdr": cifar10_ggdr,
    "cifar10-narrow": cifar10_narrow,
    "cifar10-r3gan": cifar10_r3gan,
    "digits": digits,
    "mnist": mnist,
    "mnist-2016": mnist_2016,
    "mnist-components": mnist_components,
    "mnist-graph": mnist_graph,
    "mnist-pixels": mnist_pixels,
    "mnist-vectors": mnist_vectors,
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
    **variants("stacked-long", stacked_long),
}


ALIASES = {"mnist-fast": "mnist-graph"}
"""Names of earlier versions, which still work in this one."""


def find_recipe(name: str) -> Recipe:
    """Return the recipe of a built-in name, or of ``my_file.py:my_function``.

    Either name may go on with numbers to set, see `convergan.recipes.numbers`, and then with parts
    to leave out, see `convergan.recipes.without`.

    Args:
        name: such as ``mnist``, ``mnist[batch_size=50]-without-game`` or ``my_file.py:mine``.

    Raises:
        ValueError: if there is none, the message names the nearest; or no such number or part in
            it.

    Example:
        >>> find_recipe("mnist").batch_size
        100
        >>> find_recipe("mnist-without-game").step.keywords["unsupervised_weight"]
        0.0
        >>> find_recipe("minst")
        Traceback (most recent call last):
        ValueError: no recipe 'minst'; did you mean mnist, mnist-2016 or mnist-graph?
        >>> find_recipe("mnist-without-graph")
        Traceback (most recent call last):
        ValueError: recipe mnist has no graph to leave out; it has game
    """
    whole, *parts = name.split(WITHOUT)
    recipe = _find_whole(whole)
    return without(recipe, whole, parts) if parts else recipe


def _find_whole(name: str) -> Recipe:
    plain, given = split_numbers(name)
    if ".py:" in plain:
        recipe = _from_file(*plain.rsplit(":", 1))
    else:
        recipe = look_up("recipe", ALIASES.get(plain, plain), RECIPES)()
    return with_numbers(recipe, plain, given) if given else recipe


def _from_file(file: str, function: str) -> Recipe:
    path = Path(file)
    if not path.is_file():
        raise DataError(f"no file {file} to take the recipe {function} from")
    make = load_function(path, function)
    if problem := why_not_callable(make, ()):
        raise ValueError(
            f"{file}:{function} is called without arguments to return a Recipe: {problem}; give "
            "its arguments defaults"
        )
    recipe = make()
    if not isinstance(recipe, Recipe):
        raise ValueError(f"{file}:{function} must return a Recipe, got {type(recipe)}")
    require_fields(recipe)
    return recipe


def code_of(name: str) -> dict[str, str]:
    """Return the hashes of the user's code that a recipe comes from; none of a built-in one.

    Args:
        name: as in `find_recipe`, which has been called with it.
    """
    plain, _ = split_numbers(name.split(WITHOUT)[0])
    file, colon, _ = plain.rpartition(".py:")
    return code_hashes(Path(f"{file}.py")) if colon else {}
