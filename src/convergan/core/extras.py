"""What to install for a module that is missing."""

EXTRAS: dict[str, tuple[str, ...]] = {
    "train": (
        *("datasets", "huggingface_hub", "jinja2", "joblib", "matplotlib", "rich", "scipy"),
        *("sklearn", "typer"),
    ),
    "turing": (
        "alembic",
        "fastapi",
        "httpx2",
        "itsdangerous",
        "sqlalchemy",
        "starlette",
        "uvicorn",
    ),
    "cluster": ("dask", "ray"),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "inception": ("torch_fidelity", "torchvision"),
    "torchmetrics": ("torchmetrics",),
    "transformers": ("transformers",),
}
"""Names of extras, and the modules that come with each; the first extra that has one counts."""


def what_to_install(module: str | None) -> str | None:
    """Return the package that a missing module is of and how to install it, or None.

    Args:
        module: its name, dotted or not, as in ``ModuleNotFoundError.name``. None comes back
            where no extra of ours has it.

    Example:
        >>> what_to_install("scipy.stats")
        "scipy: pip install 'convergan[train]'"
    """
    top = (module or "").partition(".")[0]
    names = (extra for extra, modules in EXTRAS.items() if top in modules)
    return next((f"{top}: pip install 'convergan[{name}]'" for name in names), None)
