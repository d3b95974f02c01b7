import pytest

from convergan.web.replies import RefusedError
from convergan.web.static_files import read_static_files, static_reply


def test_shared_files_are_there_beside_those_of_the_application() -> None:
    files = read_static_files("convergan.turing.web")
    assert {"base.css", "common.js", "icon.svg", "study.css", "owner.js"} <= files.keys()
    assert files["base.css"].media_type == "text/css; charset=utf-8"
    assert b"prefers-color-scheme: dark" in files["base.css"].data


def test_a_file_is_sent_by_its_name_alone() -> None:
    files = read_static_files("convergan.turing.web")
    reply = static_reply(files, "common.js")
    assert reply.media_type == "text/javascript; charset=utf-8"
    assert bytes(reply.body) == files["common.js"].data
    for name in ("none.js", "../static/common.js", ""):
        with pytest.raises(RefusedError, match="no such file"):
            static_reply(files, name)
