"""The command as a process: killed under load, stopped, and started again."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from convergan.labeling.server import address, allowed_hosts
from tests.labeling.serving import command, free_port, make_photos

pytestmark = pytest.mark.slow


def test_the_names_of_the_loopback_are_one_machine() -> None:
    assert allowed_hosts("::1", 80) == ["127.0.0.1:80", "localhost:80", "[::1]:80"]
    assert address("::1", 80, "t") == "http://[::1]:80/t/"


def label_until_killed(url: str, person: str, acknowledged: dict[str, str], stop: Any) -> None:
    """Label items as fast as it goes; note those that were acknowledged."""
    with httpx2.Client(base_url=url, timeout=20) as client:
        try:
            while True:
                body = {"person": person, "count": 3}
                for card in client.post("api/next", json=body).json()["cards"]:
                    name = card["name"]
                    answer = {
                        "request": f"{person}-{name[:3]}",
                        "person": person,
                        "item": name,
                        "kind": "label",
                        "label": "even" if int(name[:3]) % 2 == 0 else "odd",
                    }
                    assert client.post("api/answer", json=answer).json() == {}
                    acknowledged[name] = str(answer["label"])
                    if len(acknowledged) >= 25:
                        stop.set()
        except httpx2.HTTPError:
            return


def test_no_acknowledged_label_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    folder, port = tmp_path / "photos", free_port()
    make_photos(folder)
    acknowledged: dict[str, str] = {}
    stop = threading.Event()
    with command(folder, port) as (process, url), ThreadPoolExecutor(2) as pool:
        for name in ("even", "odd"):
            httpx2.post(f"{url}api/class", json={"name": name}).raise_for_status()
        done = [
            pool.submit(label_until_killed, url, f"person-{n:03d}", acknowledged, stop)
            for n in range(2)
        ]
        assert stop.wait(60)
        process.send_signal(signal.SIGKILL)
        for one in done:
            one.result()
    written = (folder / "labels.csv").read_text()
    for name, label in acknowledged.items():
        assert f"{name},{label}\n" in written
    with command(folder, port) as (process, again):
        assert again == url  # so that pages which are open find it
        state = httpx2.get(f"{url}api/state").json()
        assert len(acknowledged) <= state["labelled"] <= len(acknowledged) + 2
        saved = httpx2.get(f"{url}export/labels.csv").text
        assert all(f"{name},{label}\n" in saved for name, label in acknowledged.items())
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        told = process.stdout.read()
        assert process.wait(30) == 130
    assert f"{state['labelled']} labels are on disk" in told
    assert "the same command again" in told and "convergan fit" in told
