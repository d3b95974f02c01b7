"""What is there without any extra: the packages that the extras bring are hidden from a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import convergan
from convergan.core.extras import EXTRAS

HIDE = "import sys\nsys.modules.update(dict.fromkeys({names!r}))\n"
COMMAND = "sys.argv[1:] = {arguments!r}\nfrom convergan.cli.main import main\nmain()"
CLASS = "from convergan import SemiSupervisedGANClassifier"
EVERYTHING = tuple(module for modules in EXTRAS.values() for module in modules)
OF_A_STUDY = EXTRAS["turing"]


def without(names: tuple[str, ...], code: str) -> subprocess.CompletedProcess[str]:
    """Run code where modules are missing."""
    path = os.pathsep.join([str(Path(convergan.__file__).parents[1]), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "-c", HIDE.format(names=names) + code],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def ask(names: tuple[str, ...], *arguments: str) -> tuple[int, str, str]:
    done = without(names, COMMAND.format(arguments=list(arguments)))
    return done.returncode, done.stdout, done.stderr


def test_the_base_install_says_its_version() -> None:
    assert ask(EVERYTHING, "--version") == (0, f"{convergan.__version__}\n", "")


def test_a_command_of_the_base_install_says_which_extra_it_needs() -> None:
    code, said, error = ask(EVERYTHING, "recipes")
    assert (code, said) == (2, "")
    assert error == "convergan: the command line needs typer: pip install 'convergan[train]'\n"


def test_power_needs_none_of_a_studys_packages() -> None:
    code, said, error = ask(OF_A_STUDY, "turing", "power")
    assert (code, error) == (0, "") and "votes of an annotator" in said
    code, _, error = ask(OF_A_STUDY, "turing", "results", "study")
    assert code == 2
    assert error == "convergan: a study needs alembic: pip install 'convergan[turing]'\n"


@pytest.mark.slow
def test_what_a_command_lacks_inside_is_named_with_its_extra() -> None:
    code, _, error = ask(("sklearn",), "predict", "model", "rows.csv", "--out", "found.csv")
    assert code == 2
    assert error == "convergan: this needs sklearn: pip install 'convergan[train]'\n"


@pytest.mark.slow
def test_a_class_that_lacks_its_packages_names_the_extra() -> None:
    done = without(EVERYTHING, CLASS)
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: convergan.SemiSupervisedGANClassifier needs scipy: "
        "pip install 'convergan[train]'"
    )


def test_the_packages_names_are_listed_and_not_loaded() -> None:
    done = without((), "import convergan\nprint(*dir(convergan))\nprint('torch' in sys.modules)")
    listed, loaded = done.stdout.splitlines()
    assert {"ImageClassifier", "SemiSupervisedGANClassifier", "layers"} <= set(listed.split())
    assert listed.split() == sorted(convergan.__all__)
    assert loaded == "False"
    assert set(convergan.__all__) == {"__version__", *convergan.PARTS, *convergan.CLASSES}
