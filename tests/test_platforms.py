"""The package on a system that lacks what only Unix has, and that handles files as Windows does.

A file ``sitecustomize.py`` on the path makes every interpreter that a test starts such a one, and
those that these start. It cannot show what Windows' own C library does.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
WITHOUT_UNIX = """
import os, signal, sys

for name in ("fcntl", "grp", "posix_ipc", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
for name in ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2",
             "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait"):
    delattr(signal, name)
for name in ("O_DIRECTORY", "fork", "forkpty", "geteuid", "getloadavg", "getpgid", "getuid",
             "killpg", "mkfifo", "nice", "sched_getaffinity", "setsid", "statvfs", "sync"):
    delattr(os, name)

open_any, rename_any = os.open, os.rename


def open_no_folder(path, *rest, **named):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", path)
    return open_any(path, *rest, **named)


def rename_to_new(source, target, **named):
    if os.path.exists(target):
        raise FileExistsError(17, "File exists", source, None, target)
    rename_any(source, target, **named)


def refuse_links(source, target, *rest, **named):
    raise OSError(1314, "A required privilege is not held by the client", source, None, target)


os.open, os.rename, os.symlink = open_no_folder, rename_to_new, refuse_links
"""
IMPORT_EVERYTHING = """
import importlib, os, pkgutil, sys
import convergan

assert not hasattr(os, "fork") and sys.modules["fcntl"] is None
names = [module.name for module in pkgutil.walk_packages(convergan.__path__, "convergan.")]
names = [name for name in names if name != "convergan.__main__" and "migrations" not in name]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


@pytest.fixture
def without_unix(tmp_path: Path) -> dict[str, str]:
    """The environment of an interpreter that lacks what only Unix has."""
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "sitecustomize.py").write_text(WITHOUT_UNIX)
    path = os.pathsep.join([str(tmp_path / "lacking"), str(SOURCE), *filter(None, sys.path)])
    cache = str(tmp_path / "cache")  # locks without fcntl would wait for a file that fcntl locked
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "CONVERGAN_CACHE": cache}


def ask(environment: dict[str, str], place: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=place, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_module_can_be_imported_and_the_demo_trains(
    tmp_path: Path, without_unix: dict[str, str]
) -> None:
    train = ["train", "digits", "--threads", "1", "--steps", "20", "--out", "run"]
    call = (
        f"from convergan.cli.main import main\nsys.argv[1:] = {[*train, '--no-baselines']}\nmain()"
    )
    count, *said = ask(without_unix, tmp_path, "-c", IMPORT_EVERYTHING + call).splitlines()
    assert int(count) > 300
    assert "report: run/report.html" in said
    files = {file.name for file in (tmp_path / "run").iterdir()}
    assert {".holder", "checkpoints", "report.html", "result.json"} <= files


@pytest.mark.nightly
def test_the_demo_has_its_baselines(tmp_path: Path, without_unix: dict[str, str]) -> None:
    train = ("train", "digits", "--threads", "1", "--steps", "20", "--out", "run")
    assert "label spreading" in ask(without_unix, tmp_path, "-m", "convergan", *train)


@pytest.mark.nightly
def test_a_table_is_fitted(tmp_path: Path, without_unix: dict[str, str]) -> None:
    rows = [f"{i},{i * 7 % 10},{'ab'[i % 2] if i < 24 else ''}" for i in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["size,weight,kind", *rows]))
    fit = ("fit", "rows.csv", "--target", "kind", "--out", "model")
    assert "error of held-out labels" in ask(without_unix, tmp_path, "-m", "convergan", *fit)
    predict = ("predict", "model", "rows.csv", "--out", "found.csv")
    ask(without_unix, tmp_path, "-m", "convergan", *predict)
    assert len((tmp_path / "found.csv").read_text().splitlines()) == 61
