import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from convergan.estimator import DeployedClassifier, SemiSupervisedGANClassifier
from convergan.estimator.checks import Array
from convergan.estimator.completion import take_all
from convergan.estimator.frames import code_categories
from convergan.estimator.network import Network
from convergan.estimator.pool import Pool
from convergan.estimator.preprocessing import Preprocessor
from convergan.estimator.scaling import learn_scale
from convergan.estimator.shaping import LOGARITHM, SINH, keep_shapes

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
EXACT = 1e-12
of_torch_itself = pytest.mark.filterwarnings("ignore:.*treespec, LeafSpec:FutureWarning")


class Case(NamedTuple):
    """A fitted classifier, rows that it did not see, and the same as a module takes them."""

    model: SemiSupervisedGANClassifier
    rows: Any
    given: Tensor


def numbers(chance: np.random.Generator, labels: Array) -> Any:
    return chance.normal(0, 1, (len(labels), 4)) + 2 * np.eye(4)[labels]


def ties(chance: np.random.Generator, labels: Array) -> Any:
    return chance.integers(0, 2, (len(labels), 5)) + np.eye(5)[labels]


def wide(chance: np.random.Generator, labels: Array) -> Any:
    return chance.normal(0, 1, (len(labels), 140)) + 2 * np.eye(140)[labels]


def images(chance: np.random.Generator, labels: Array) -> Any:
    found = chance.uniform(-1, 0, (len(labels), 2, 6, 7))
    found[np.arange(len(labels)), :, labels] += 0.6
    return found


def table(chance: np.random.Generator, labels: Array) -> Any:
    """Missing numbers, categories, incomes, and a column with wild cells."""
    frame = pd.DataFrame(numbers(chance, labels))
    frame[4] = np.exp(chance.normal(10, 3, len(labels)))
    frame[5] = chance.standard_cauchy(len(labels)) ** 3
    frame[6] = chance.choice(["red", "green", "blue"], len(labels))
    frame = frame.mask(chance.random(frame.shape) < 0.1)
    frame.columns = frame.columns.astype(str)
    return frame


CASES = {
    "numbers": (numbers, 3),
    "two classes": (numbers, 2),
    "ties": (ties, 2),
    "wide": (wide, 2),
    "images": (images, 3),
    "table": (table, 3),
}


def fit(kind: str) -> Case:
    make, classes = CASES[kind]
    labels = np.arange(160) % classes
    rows = make(np.random.default_rng(0), labels)
    names = np.array(["ash", "birch", "cedar"])
    model = SemiSupervisedGANClassifier(
        unlabeled_label="", n_estimators=2, max_epochs=1, random_state=0, device="cpu"
    )
    model.fit(rows[:100], np.where(np.arange(100) < 30, names[labels[:100]], ""))
    later = rows[100:]
    coded = code_categories(later, model.preprocessor_.completion.categories).rows
    given = np.array(coded, dtype=np.float64).reshape(len(later), -1)
    return Case(model, later, torch.from_numpy(given))


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return fit(request.param)


@pytest.mark.slow
def test_probabilities_are_those_of_the_classifier(case: Case) -> None:
    module, wanted = case.model.to_torch(), case.model.predict_proba(case.rows)
    found = module(case.given)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=EXACT)
    np.testing.assert_allclose(module(case.given[:1]).numpy(), wanted[:1], rtol=0, atol=EXACT)
    np.testing.assert_allclose(found.sum(dim=1), 1, rtol=0, atol=EXACT)
    assert module(case.given[:0]).shape == (0, len(module.classes))
    assert wanted.max(axis=1).min() < 0.9  # some rows are unclear
    assert list(module.classes) == case.model.classes_.tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        *(pytest.param(kind, marks=pytest.mark.nightly) for kind in CASES if kind != "table"),
        "table",
    ],
    indirect=True,
)
def test_an_export_predicts_the_same_for_any_number_of_rows(case: Case, tmp_path: Path) -> None:
    rows = torch.export.Dim("rows")
    exported = torch.export.export(
        case.model.to_torch(), (case.given[:2],), dynamic_shapes=({0: rows},)
    )
    torch.export.save(exported, tmp_path / "model.pt2")
    module = torch.export.load(tmp_path / "model.pt2").module()
    wanted = case.model.predict_proba(case.rows)
    for count in (1, 2, len(wanted)):
        found = module(case.given[:count]).numpy()
        np.testing.assert_allclose(found, wanted[:count], rtol=0, atol=EXACT)


@of_torch_itself
@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["wide", "images", "table"])
def test_onnx_predicts_the_same_for_any_number_of_rows(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    model, rows, given = fit(kind)
    file = tmp_path / "model.onnx"
    torch.onnx.export(
        model.to_torch(),
        (given[:2],),
        file,
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("rows")},),
        external_data=False,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    wanted = model.predict_proba(rows)
    for count in (1, 2, len(wanted)):
        [found] = session.run(None, {"rows": given[:count].numpy()})
        np.testing.assert_allclose(found, wanted[:count], rtol=0, atol=EXACT)
    bad = given[:2].clone()
    bad[1, 0] = torch.inf
    [found] = session.run(None, {"rows": bad.numpy()})
    assert np.isfinite(found[0]).all() and np.isnan(found[1]).all()


@pytest.mark.slow
def test_the_table_has_every_shape_and_the_numbers_of_its_categories() -> None:
    model, rows, given = fit("table")
    assert {LOGARITHM, SINH} <= set(model.preprocessor_.shapes.kinds.tolist())
    assert len(model.preprocessor_.completion.flags) > 1
    module = model.to_torch()
    assert module.categories == {6: ("blue", "green", "red")}
    unknown, missing = given[:1].clone(), given[:1].clone()
    unknown[0, 6], missing[0, 6] = -1, torch.nan
    lacking = rows[:1].assign(**{"6": None})
    found = module(missing).numpy()
    np.testing.assert_allclose(found, model.predict_proba(lacking), rtol=0, atol=EXACT)
    with pytest.warns(UserWarning, match="fit did not see"):
        wanted = model.predict_proba(rows[:1].assign(**{"6": "mauve"}))
    np.testing.assert_allclose(module(unknown).numpy(), wanted, rtol=0, atol=EXACT)


@pytest.mark.slow
def test_nothing_is_trained_and_a_state_that_is_loaded_leaves_the_classifier_alone() -> None:
    model, rows, given = fit("numbers")
    module, other = model.to_torch(), model.to_torch()
    assert not list(module.parameters())
    found = module(given)
    assert not found.requires_grad
    for buffer in other.buffers():
        buffer.zero_()
    np.testing.assert_allclose(model.predict_proba(rows), found.numpy(), rtol=0, atol=EXACT)
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(given), found)


def one_network(members: int) -> tuple[Pool, Preprocessor]:
    """What a model of a version before the pool is read as."""
    chance = np.random.default_rng(0)
    layers = [
        [(chance.normal(0, 1, (3, 5)), np.ones(5)), (chance.normal(0, 1, (5, 2)), np.ones(2))]
        for _ in range(members)
    ]
    pool = Pool(("game",), (Network(tuple(layers)),), np.array([0.7]), np.zeros(2))
    scale = learn_scale(chance.normal(3, 2, (50, 3)))
    return pool, Preprocessor(None, 0.0, 1.0, 4, take_all(3), keep_shapes(3), scale)


@pytest.mark.parametrize("members", [1, 3])
def test_a_model_of_an_earlier_version_is_one_network(members: int) -> None:
    pool, preprocessor = one_network(members)
    rows = np.random.default_rng(1).normal(3, 2, (20, 3))
    module = DeployedClassifier(preprocessor, pool, np.array([4, 7]))
    wanted = np.exp(pool.log_probabilities(preprocessor.apply(rows)))
    found = module(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=EXACT)
    assert module.classes == (4, 7)


def test_rows_that_the_classifier_refuses_have_no_probabilities() -> None:
    pool, preprocessor = one_network(1)
    module = DeployedClassifier(preprocessor, pool, np.array([0, 1]))
    rows = torch.ones(3, 3, dtype=torch.float64)
    rows[1, 0], rows[2, 2] = torch.nan, -torch.inf
    found = module(rows)
    assert found[0].isfinite().all() and found[1:].isnan().all()
    with pytest.raises(ValueError, match=r"rows must be \(n, 3\), got \(3, 1\)"):
        module(rows[:, :1])
    with pytest.raises(ValueError, match=r"rows must be \(n, 3\), got \(3,\)"):
        module(rows[0])


@of_torch_itself
@pytest.mark.nightly
def test_the_page_on_serving_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    wanted = names["model"].predict_proba(names["X"])[:5]
    assert len(blocks) == 3
    for found in ("from_module", "from_export", "from_onnx"):
        np.testing.assert_allclose(np.asarray(names[found]), wanted, rtol=0, atol=EXACT)
