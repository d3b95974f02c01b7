"""The server as a process of its own."""

from pathlib import Path

import httpx2
import pytest

from convergan.turing.errors import StudyError
from convergan.turing.study.study import KEY, StudySettings, create_study
from convergan.turing.web.server_process import free_port, is_up, serving, start_server
from tests.turing.serving import noise

pytestmark = pytest.mark.slow


def test_a_study_is_served_for_as_long_as_the_block_lasts(tmp_path: Path) -> None:
    settings = StudySettings(trials=4, attention=0)
    create_study(tmp_path / "study", settings, noise("real"), [noise("a")])
    with serving(tmp_path / "study") as url:
        port = int(url.rpartition(":")[2])
        assert is_up(port)
        assert httpx2.get(f"{url}/owner").status_code == 200
    assert not is_up(port)


def test_a_server_that_cannot_start_names_its_log(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    create_study(folder, StudySettings(trials=4, attention=1), noise("real"), [noise("a")])
    (folder / KEY).unlink()
    with pytest.raises(StudyError, match="does not start; see .*server.log"):
        start_server(folder, free_port())
    assert "secret.key cannot be read" in (folder / "server.log").read_text()


def test_where_there_is_no_study_no_server_is_started(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no study"):
        start_server(tmp_path / "none", free_port())
