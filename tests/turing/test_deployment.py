"""The files in deploy/: proxies are run where they are installed, the rest is parsed."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx2
import pytest
import typer.main

from convergan.cli.turing import turing
from convergan.turing.owner import invite, read_votes
from convergan.turing.study.study import Study, StudySettings, create_study, open_study
from convergan.turing.web.server_process import free_port
from tests.turing.serving import Person, noise, served

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SITES = {"study.example": "", "lab.example": "/study"}
"""Paths of the two studies that the proxies' files have."""


class Upstream(NamedTuple):
    """A study that is served for both sites, and the ports at which it is."""

    study: Study
    ports: dict[str, int]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    settings = StudySettings(trials=4, attention=0, annotators_wanted=5)
    token = create_study(tmp_path / "study", settings, noise("real"), [noise("model")])
    with (
        open_study(tmp_path / "study") as study,
        served(study, token) as domain,
        served(study, token, "/study") as below,
    ):
        ports = [urlsplit(server.url).port or 0 for server in (domain, below)]
        yield Upstream(study, dict(zip(SITES, ports, strict=True)))


@contextmanager
def running(command: list[str], url: str, folder: Path) -> Iterator[None]:
    """Run a proxy until the block ends; begin once it answers."""
    with (folder / "proxy.log").open("wb") as log:
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                httpx2.get(url, verify=False)
                break
            except httpx2.TransportError:
                said = (folder / "proxy.log").read_text()
                assert process.poll() is None and time.monotonic() < deadline, said
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def take_part(study: Study, url: str, host: str) -> None:
    """Go through a session at a site, with every file of its page."""
    path = SITES[host]
    with httpx2.Client(base_url=url, headers={"Host": host}, verify=False, timeout=60) as client:
        link = urlsplit(invite(study, f"https://{host}{path}", 1, 7)[0]).path
        joined = client.get(link)
        assert joined.headers["strict-transport-security"] == "max-age=31536000"
        place = joined.headers["location"]
        assert place.startswith(f"{path}/s/")
        page = client.get(place)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        for file in re.findall(r'(?:src|href)="([^"]*)"', page.text):
            assert client.get(file).status_code == 200, file
        person = Person(client, place)
        image = path + person.begin()["trials"][0]["images"][0]
        assert client.get(image).headers["content-type"] == "image/webp"
        assert person.finish()["stage"] == "done"
        front = client.get(path or "/", follow_redirects=False)
        if front.is_redirect:
            front = client.get(urlsplit(front.headers["location"]).path)
        assert "open the link that you were sent" in front.text


def nginx_file(folder: Path, ports: dict[str, int], port: int, strip: bool) -> Path:
    """Write the file that is shipped, with free ports and a certificate of our own."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt"]
    made += ["ec_paramgen_curve:prime256v1", "-subj", "/CN=study.example"]
    made += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    text = (DEPLOY / "nginx.conf").read_text()
    text = re.sub(r"/etc/letsencrypt\S+fullchain.pem", str(certificate), text)
    text = re.sub(r"/etc/letsencrypt\S+privkey.pem", str(key), text)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    for old, host in ((8000, "study.example"), (8001, "lab.example")):
        slash = "/" if strip and host == "lab.example" else ""
        text = text.replace(f"127.0.0.1:{old};", f"127.0.0.1:{ports[host]}{slash};")
    (folder / "site.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} "
        f"http {{ {temporary} access_log {folder}/access.log; include {folder}/site.conf; }}"
    )
    return folder / "nginx.conf"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("strip", [False, True], ids=["path left", "path taken away"])
def test_people_take_part_through_nginx(upstream: Upstream, tmp_path: Path, strip: bool) -> None:
    port = free_port()
    file = nginx_file(tmp_path, upstream.ports, port, strip)
    url = f"https://127.0.0.1:{port}"
    command = ["nginx", "-p", str(tmp_path), "-e", str(tmp_path / "error.log"), "-c", str(file)]
    with running(command, url, tmp_path):
        for host in SITES:
            take_part(upstream.study, url, host)
    assert len(read_votes(upstream.study)) == 8
    assert "/s/" not in (tmp_path / "access.log").read_text()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_people_take_part_through_caddy(upstream: Upstream, tmp_path: Path) -> None:
    port, text = free_port(), (DEPLOY / "Caddyfile").read_text()
    valid = ["caddy", "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    subprocess.run(valid, check=True, capture_output=True, env=environment)
    for old, host in ((8000, "study.example"), (8001, "lab.example")):
        text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{upstream.ports[host]}")
        text = text.replace(f"\n{host} {{", f"\nhttp://{host}:{port} {{")
    (tmp_path / "Caddyfile").write_text(f"{{\n\tadmin off\n}}\n{text}")
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    url = f"http://127.0.0.1:{port}"
    with running(command, url, tmp_path):
        for host in SITES:
            take_part(upstream.study, url, host)
    assert len(read_votes(upstream.study)) == 8
    assert "/s/" not in (tmp_path / "proxy.log").read_text()


def check_command(words: list[str]) -> None:
    """Parse a command line of ours, without running it."""
    assert words[:1] == ["turing"]
    command = typer.main.get_command(turing)
    found = command.get_command(None, words[1])  # type: ignore[attr-defined]
    found.make_context(words[1], [*words[2:]])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "convergan-turing.service").read_text()
    unit = tmp_path / "convergan-turing.service"
    unit.write_text(text.replace("/opt/convergan/bin/convergan", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True
    )
    mine = [line for line in done.stderr.splitlines() if "convergan" in line]
    assert (done.returncode, mine) == (0, [])


def test_the_unit_runs_a_command_of_ours_that_nobody_else_can_read_from() -> None:
    text = (DEPLOY / "convergan-turing.service").read_text()
    (command,) = re.findall(r"^ExecStart=\S+ (.*)$", text, re.MULTILINE)
    check_command(command.split())
    assert "\nUMask=0077\n" in text and "\nSuccessExitStatus=143\n" in text


INSTRUCTIONS = {
    *("FROM", "COPY", "RUN", "USER", "VOLUME", "WORKDIR", "ENV", "EXPOSE", "ENTRYPOINT", "CMD"),
}


def instructions(file: Path) -> list[tuple[str, str]]:
    """Return each instruction of a container file with what follows it."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n", " ", "\n".join(lines))
    return [(line.split()[0], line.partition(" ")[2]) for line in whole.splitlines() if line]


def test_the_container_file_builds_from_what_is_here_and_serves_as_nobody_special() -> None:
    found = instructions(DEPLOY / "Containerfile")
    names = [name for name, _ in found]
    assert set(names) <= INSTRUCTIONS and names[0] == "FROM"
    assert re.fullmatch(r"[a-z.]+(/[a-z]+)*:[\w.-]*\d[\w.-]*", found[0][1])  # no moving tag
    for name, rest in found:
        if name == "COPY":
            *sources, target = rest.split()
            assert target.startswith("/")
            assert all((ROOT / source).exists() for source in sources), rest
    last = {name: rest for name, rest in found}
    assert last["USER"] not in ("root", "0") and names.index("USER") < names.index("ENTRYPOINT")
    entry, words = (json.loads(last[name]) for name in ("ENTRYPOINT", "CMD"))
    assert entry[0] == "convergan"
    check_command([*entry[1:], *words])
    assert last["VOLUME"] in words and last["EXPOSE"] in words


def test_the_container_has_all_that_a_build_needs() -> None:
    read_by_setup = {"README.md", "docs/home_url.txt"}
    copied = " ".join(
        rest for name, rest in instructions(DEPLOY / "Containerfile") if name == "COPY"
    )
    assert {*read_by_setup, "setup.py", "pyproject.toml", "src"} <= set(copied.split())


PAGE = ROOT / "docs" / "turing_deployment.md"


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of every command of the study that a page gives in a block."""
    for block in re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            plain = line.partition(" #")[0].replace("$(date +\\%F)", "2026-11-30")
            if found := re.search(
                r"(?:convergan|convergan-turing) (turing .*|serve .*|create .*)$", plain
            ):
                words = found[1].split()
                yield words if words[0] == "turing" else ["turing", *words]


def test_every_command_of_the_page_can_be_given() -> None:
    commands = list(command_lines(PAGE.read_text()))
    assert len(commands) >= 8
    assert {words[1] for words in commands} >= {"create", "serve", "invite", "backup", "restore"}
    for words in commands:
        check_command(words)


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_the_proxies_send_hsts_and_say_how_their_study_is_served(name: str) -> None:
    text = (DEPLOY / name).read_text()
    assert text.count("Strict-Transport-Security") == 2
    served_as = re.findall(r"^# convergan (.*)$", text, re.MULTILINE)
    assert len(served_as) == 2
    for words in served_as:
        check_command(words.split())
