"""The model card: what a model is, what came out, beside the same without the game, and its use."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.hub import is_hub_name
from ..estimator import RiskTable
from ..photos.comparison import OURS, Comparison
from ..photos.report import ERRORS, error_rows, error_sentence
from ..runs.baselines import COLUMNS, Baseline
from ..runs.code import summary_of_code
from ..runs.reading import read_config, table
from ..runs.report import outcome
from ..tabular.findings import held_out_error
from ..tabular.prediction import ErrorRate
from .ablation import WITHOUT_GAME
from .bundle import Bundle
from .manifest import PHOTOGRAPHS, RUN, TABLE, Manifest

PAPER = "*Improved Techniques for Training GANs* (Salimans et al., 2016)"
WHAT = {
    RUN: f"A pair of networks, classifier and generator, trained by convergan after {PAPER}.",
    TABLE: "A classifier of the rows of a table, fitted by convergan to few labels and to rows "
    f"without one, after {PAPER}.",
    PHOTOGRAPHS: "A classifier of photographs, fitted by convergan to few labels and to "
    f"photographs without one, after {PAPER}.",
}
TASKS = {
    RUN: "image-classification",
    TABLE: "tabular-classification",
    PHOTOGRAPHS: "image-classification",
}
"""The hub's word for what is measured."""
EXTRAS = {"efficientnet-lite0": "efficientnet", "minilm": "text", "hf:": "transformers"}
"""How the name of a pretrained network begins, and the extra that has it."""
TAGS = ["convergan", "gan", "semi-supervised-learning"]
NOT_MEASURED = "The same without the game was not measured."
Section = tuple[str, list[str]]
"""A heading and what stands below it: paragraphs, tables, code."""


def write_card(
    folder: Path,
    bundle: Bundle,
    manifest: Manifest,
    repository: str,
    license_name: str | None = None,
    ablation: Baseline | None = None,
) -> str:
    """Return the text of ``README.md``.

    Args:
        folder: that is pushed.
        bundle: what of it.
        manifest: of that.
        repository: OWNER/NAME.
        license_name: the hub's identifier of a license.
        ablation: of a run, the row of the same without the game, see `read_ablation`.
    """
    came_out, error = _came_out(folder, bundle, ablation)
    sections = [
        ("", [f"# {_plain(repository.partition('/')[2])}", WHAT[bundle.kind]]),
        ("What came out", came_out),
        ("Data and labels", _data(bundle)),
        ("How to use it", _use(bundle, manifest, repository)),
        ("What it holds of the training data", [_bullets(bundle.kept)]),
        ("How it was made", _made(folder, bundle, manifest)),
    ]
    metadata = _metadata(folder, bundle, repository, license_name, error)
    return f"---\n{metadata}\n---\n\n{_render(sections)}"


def _metadata(
    folder: Path,
    bundle: Bundle,
    repository: str,
    license_name: str | None,
    error: float | None,
) -> str:
    """Return what the hub reads: license, tags, data sets, and the test error if there is one."""
    from huggingface_hub import EvalResult, ModelCardData

    source = _hub_data(folder) if bundle.kind == RUN else None
    result = EvalResult(
        task_type=TASKS[bundle.kind],
        dataset_type=source or _data_name(bundle),
        dataset_name=source or _data_name(bundle),
        metric_type="test_error",
        metric_name="test error",
        metric_value=error,
    )
    return ModelCardData(
        library_name="convergan",
        license=license_name,
        tags=TAGS,
        datasets=[source] if source else None,
        model_name=None if error is None else repository.partition("/")[2],
        eval_results=None if error is None else [result],
    ).to_yaml()


def _hub_data(folder: Path) -> str | None:
    """Return the name on the hub of the data of a run, if they are there."""
    name, _, _ = read_config(folder)["settings"]["data"].partition(":")
    return name if "/" in name and is_hub_name(name) else None


def _data_name(bundle: Bundle) -> str:
    if bundle.kind == RUN:
        return str(bundle.read("config.json")["settings"]["data"])
    record = bundle.read("record.json")
    return str(record.get("table") or record.get("folder") or "unknown")


# --- what came out -------------------------------------------------------------------------------


def _came_out(
    folder: Path, bundle: Bundle, ablation: Baseline | None
) -> tuple[list[str], float | None]:
    """Return what to say of the errors, and the test error where there is one."""
    if bundle.kind == RUN:
        return _of_run(folder, bundle, ablation)
    record = bundle.read("record.json")
    if not record:
        return ["Nothing is known: the model has no record of its fit."], None
    return _of_photographs(record) if bundle.kind == PHOTOGRAPHS else (_of_table(record), None)


def _of_run(
    folder: Path, bundle: Bundle, ablation: Baseline | None
) -> tuple[list[str], float | None]:
    settings, result = bundle.read("config.json")["settings"], bundle.read("result.json")
    rows = table(folder)
    [checkpoint] = [name for name in bundle.files if name.endswith("manifest.json")]
    step = int(re.findall(r"step-(\d+)", checkpoint)[0])
    said = list(bundle.notes) or [outcome(settings, result, step, rows)]
    if ablation is not None:
        rows[1:1] = [ablation]
    elif settings["labels"] and "-without-game" not in settings["recipe"]:
        said.append(NOT_MEASURED)
    if any(row.test_error is not None for row in rows):
        said.append(_table(COLUMNS, [row.texts() for row in rows]))
    if judged := result.get("judged"):
        figures = [
            (name.replace("_", " "), f"{value:.4g}", f"{result['real'][name]:.4g}")
            for name, value in judged.items()
        ]
        said.append(_table(("figure", "samples", "real rows"), figures))
    pictures = [name for name in bundle.files if name.endswith(".png")]
    said += [f"![Generated samples after {step:,} steps]({name})" for name in pictures]
    return said, result.get("test_error")


def _of_photographs(record: dict[str, Any]) -> tuple[list[str], float | None]:
    found = record.get("comparison")
    if found is None:
        return [held_out_error(_risks(record)), NOT_MEASURED], None
    none = np.empty(0)
    errors = {
        one["method"]: ErrorRate(*(one[field] for field in ErrorRate._fields))
        for one in found["errors"]
    }
    comparison = Comparison(found["on"] == "test", errors, none, none)
    said = [error_sentence(comparison), _table(ERRORS, error_rows(comparison))]
    if WITHOUT_GAME not in errors:
        said.append(_game(record))
    ours = errors[OURS]
    return said, ours.wrong / ours.rows if comparison.on_test else None


def _of_table(record: dict[str, Any]) -> list[str]:
    return [f"{held_out_error(_risks(record)).capitalize()}.", _game(record)]


def _risks(record: dict[str, Any]) -> RiskTable | None:
    found = record.get("risk_table")
    return RiskTable(**found) if found else None


def _game(record: dict[str, Any]) -> str:
    if not record["arguments"].get("game", True):  # which 0.8 did not write
        return "It was fitted without the game."
    return NOT_MEASURED


# --- the rest ------------------------------------------------------------------------------------


def _data(bundle: Bundle) -> list[str]:
    if bundle.kind == RUN:
        config = bundle.read("config.json")
        settings = config["settings"]
        labels = f"{settings['labels']:,} labels" if settings["labels"] else "no labels"
        classes = ", ".join(map(_plain, config.get("classes", ())))
        return [
            f"{_span(settings['data'])}, {labels}, seed {settings['seed']}, rows of shape "
            f"{tuple(config['row_shape'])}{f'; classes: {classes}' * bool(classes)}.",
            f"SHA-256 of the data: `{config.get('data_sha256', 'unknown')}`.",
        ]
    record = bundle.read("record.json")
    if not record:
        return ["Unknown."]
    labels = ", ".join(f"{_plain(name)} {count:,}" for name, count in record["labelled"].items())
    count = record.get("rows", record.get("photographs"))
    rows = "rows" if bundle.kind == TABLE else "photographs"
    said = [f"{_span(_data_name(bundle))}: {count:,} {rows}, of which have a label: {labels}."]
    if bundle.kind == TABLE:
        target = _plain(record["target"])
        said.append(f"The label is the column {target}; {record['features']:,} features.")
        said.append(f"SHA-256 of the table: `{record['table_sha256']}`.")
    else:
        said.append(f"Features: {_plain(str(record['features']))}.")
    return said


def _use(bundle: Bundle, manifest: Manifest, repository: str) -> list[str]:
    name = repository.partition("/")[2]
    commands = {
        RUN: [f"convergan sample {name} --out samples.png", f"convergan report {name}"],
        TABLE: [f"convergan predict {name} new.csv"],
        PHOTOGRAPHS: [f"convergan predict {name} new-photographs/"],
    }
    lines = [
        f"pip install 'convergan[{','.join(['train', *_extras(bundle)])}]'",
        f"convergan pull {repository} --sha256 {manifest.sha256}",
        *commands[bundle.kind],
    ]
    said = [_block("\n".join(lines))]
    if bundle.code:
        files = ", ".join(map(_span, bundle.code))
        said.append(
            f"It needs {files}, which is not here, as code is not pushed: ask whoever pushed it, "
            "and call convergan in the folder that the file is in."
        )
    return said


def _extras(bundle: Bundle) -> list[str]:
    """Return the extras that have the pretrained networks of a model."""
    columns = bundle.read("table.json").get("columns", ())
    specs = [bundle.read("record.json").get("extractor"), *(one["extractor"] for one in columns)]
    found = {
        extra for spec in specs for sign, extra in EXTRAS.items() if (spec or "").startswith(sign)
    }
    return sorted(found)


def _made(folder: Path, bundle: Bundle, manifest: Manifest) -> list[str]:
    found = bundle.read("environment.json")
    said = []
    if found:
        versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        said.append(_block(found["command"]))
        said.append(f"{found['date']}; {found['machine']}; {versions}.")
    hashes = [("of the files here, `convergan.json`", manifest.sha256)]
    if bundle.kind == RUN:
        config, result = bundle.read("config.json"), bundle.read("result.json")
        hashes.append(("of the run's settings and data", config["sha256"]))
        if "state_sha256" in result:
            hashes.append(("of the final state", result["state_sha256"]))
        said += list(filter(None, [summary_of_code(config)]))
    return [*said, _table(("SHA-256", ""), [(what, f"`{sha256}`") for what, sha256 in hashes])]


# --- Markdown ------------------------------------------------------------------------------------


def _render(sections: Iterable[Section]) -> str:
    parts = [[f"## {title}"] * bool(title) + paragraphs for title, paragraphs in sections]
    return "\n\n".join(part for paragraphs in parts for part in paragraphs) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"* {sentence}" for sentence in sentences)


def _span(text: str) -> str:
    """Return a text as code within a line, whatever signs are in it."""
    text = " ".join(text.split())
    ticks = _ticks(text, 1)
    room = " " * (text.startswith("`") or text.endswith("`"))  # which readers take away
    return f"{ticks}{room}{text}{room}{ticks}"


def _block(text: str) -> str:
    """Return lines as code, whatever signs are in them."""
    ticks = _ticks(text, 3)
    return f"{ticks}\n{text}\n{ticks}"


def _ticks(text: str, least: int) -> str:
    """Return more of Markdown's sign for code than stand in the text at one place."""
    there = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(least, there + 1)


def _plain(text: str) -> str:
    """Return a text of the user's with no sign that Markdown or HTML would take for its own."""
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", " ".join(text.split()))
