"""The commands of the visual Turing test."""

import math
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.markup import escape

from .console import errors, print_line
from .options import AllowChangedCode, FollowLinks, ImageColumn, Split, show_notes

if TYPE_CHECKING:
    from ..data import SourceOptions
    from ..turing.study.image_import import Source

turing = typer.Typer(
    no_args_is_help=True,
    help="The visual Turing test: people judge whether images are real or generated.\n\n"
    "Start with: convergan turing create STUDY --real DATA --fake RUN",
)

NEEDED = ("alembic", "fastapi", "itsdangerous", "jinja2", "scipy", "sqlalchemy", "uvicorn", "yaml")

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study.")]
PublicUrl = Annotated[str | None, typer.Option(help="Where people reach the server, in links.")]


@turing.callback(help=turing.info.help)
def require_packages() -> None:
    """Refuse to begin without the packages that a study needs."""
    for name in NEEDED:
        if find_spec(name) is None:
            raise ValueError(f"a study needs {name}: pip install 'convergan[turing]'")


@turing.command()
def create(
    study: Annotated[Path, typer.Argument(help="Folder of the study, a new one.")],
    real: Annotated[
        str,
        typer.Option(
            help="Real images: a folder of PNG and JPEG files, .npz, or data as for train."
        ),
    ],
    fake: Annotated[
        list[str],
        typer.Option(
            help="Generated images: folder of a run, folder of files, or .npz with samples or "
            "images. Several models: the option again for each."
        ),
    ],
    trials: Annotated[
        int,
        typer.Option(help="Trials of each person (timed: of each block), half of them generated."),
    ] = 50,
    protocol: Annotated[
        str,
        typer.Option(
            help="single: one image without a time limit. pair: which of two is generated. timed: "
            "three blocks in which exposure grows after errors and shrinks after hits."
        ),
    ] = "single",
    feedback: Annotated[
        str | None,
        typer.Option(
            help="Whether people learn if they were right: off, on, or split for half of them. "
            "Default: off; timed: on."
        ),
    ] = None,
    annotators: Annotated[
        int, typer.Option(help="People wanted, over all models; the study takes no more.")
    ] = 30,
    attention: Annotated[
        int, typer.Option(help="Trials on top of the others that show a scrambled image.")
    ] = 5,
    min_attention: Annotated[
        float,
        typer.Option(
            help="Least share of attention trials right; votes of other people do not count."
        ),
    ] = 0.8,
    min_reaction_ms: Annotated[
        float,
        typer.Option(help="Least median reaction time, ms; votes of other people do not count."),
    ] = 250,
    max_same_answer: Annotated[
        float,
        typer.Option(
            help="Largest share of the more frequent answer; votes of other people do not count."
        ),
    ] = 0.9,
    max_alternation: Annotated[
        float,
        typer.Option(help="Largest share of changed answers; votes of other people do not count."),
    ] = 0.9,
    margin: Annotated[
        float, typer.Option(help="An error within 0.5 plus or minus this is equivalent to chance.")
    ] = 0.05,
    scale: Annotated[
        int | None,
        typer.Option(help="Largest factor of enlargement. Default: as large as the screen."),
    ] = None,
    consent: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Text file that people agree to. Default: ours."
        ),
    ] = None,
    recruiter: Annotated[
        str,
        typer.Option(
            help="Panel that sends people besides invitations: prolific or mturk. Default: none."
        ),
    ] = "invitation",
    retention_days: Annotated[
        float | None, typer.Option(help="Days after which purge may remove what people said.")
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="Minutes without an answer after which a session loses its place.")
    ] = 60,
    resample: Annotated[
        bool,
        typer.Option(
            "--resample", help="Shift all images by a quarter of a pixel, against look-up."
        ),
    ] = False,
    images: Annotated[
        int,
        typer.Option(
            min=1, help="Most images of each source; drawn at random where there are more."
        ),
    ] = 5000,
    database: Annotated[
        str | None, typer.Option(help="postgresql+psycopg://... Default: SQLite in the folder.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of what each person sees.")] = 0,
    follow_links: FollowLinks = False,
    image_column: ImageColumn = None,
    split: Split = None,
    allow_changed_code: AllowChangedCode = False,
    title: Annotated[str, typer.Option(help="Title of the pages. Default: a general one.")] = "",
    instructions: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Text file shown before how to answer."),
    ] = None,
    language: Annotated[str, typer.Option(help="Language of the pages: en or de.")] = "en",
    logo: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="PNG or JPEG file shown above the pages."),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="YAML file of questions before and after the trials."
        ),
    ] = None,
) -> None:
    """Make a study and print its owner's token, which is stored nowhere.

    Exit codes: 2 wrong arguments, 65 refused images, 74 storage.
    """
    from ..data import SourceOptions
    from ..turing.languages.words import words_of
    from ..turing.statistics.votes import Exclusion
    from ..turing.study.image_import import jpeg_caution
    from ..turing.study.logo import read_logo
    from ..turing.study.questions import read_questions
    from ..turing.study.study import StudySettings, check_absent, create_study

    check_absent(study)
    settings = StudySettings(
        protocol=protocol,
        trials=trials,
        feedback=feedback or ("on" if protocol == "timed" else "off"),
        attention=attention,
        exclusion=Exclusion(min_attention, min_reaction_ms, max_same_answer, max_alternation),
        annotators_wanted=annotators,
        margin=margin,
        seed=seed,
        scale=1 if scale is None else scale,
        minutes=minutes,
        consent=words_of(language).consent if consent is None else read_text(consent),
        retention_days=retention_days,
        recruiter=recruiter,
        resample=resample,
        title=title.strip(),
        instructions="" if instructions is None else read_text(instructions),
        language=language,
        logo=None if logo is None else read_logo(logo),
        questions=(
            None if questions is None else read_questions(read_text(questions), str(questions))
        ),
    )
    settings.check()
    with errors.status(escape(f"reading {', '.join([real, *fake])}")):
        options = SourceOptions(follow_links=follow_links, image_column=image_column, split=split)
        reals, *fakes = (
            read_images(name, images, seed, options, allow_changed_code=allow_changed_code)
            for name in (real, *fake)
        )
    for source in (reals, *fakes):
        show_notes(f"{source.name}: {note}" for note in source.notes)
    if scale is None:
        settings = settings.enlarged(reals)
    token = create_study(study, settings, reals, fakes, database)
    if (caution := jpeg_caution([reals, *fakes])) is not None:
        errors.print(caution, highlight=False, soft_wrap=True)
    print_line(f"study: {study}")
    print_line(f"owner's token: {token}")
    print_line(f"next: convergan turing invite {study} --count 10, convergan turing serve {study}")


@turing.command()
def serve(
    study: StudyFolder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    public_url: PublicUrl = None,
    browser: Annotated[bool, typer.Option(help="Open the owner's page.")] = True,
) -> None:
    """Serve a study until Ctrl-C; every answer is on disk before it is acknowledged."""
    import webbrowser

    from ..core.signals import stopping
    from ..turing.study.study import open_study
    from ..turing.web.app import create_app
    from ..turing.web.server import public_address
    from ..web.server import listen, make_server

    url = public_address(public_url, host, port)
    announced = stopping("while serving; every answer that was acknowledged is stored")
    with announced, open_study(study) as found, listen(host, port) as listener:
        server = make_server(create_app(found, url))
        print_line(f"owner's page: {url}/owner")
        if browser:
            webbrowser.open(f"{url}/owner")
        server.run(sockets=[listener])


@turing.command()
def invite(
    study: StudyFolder,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many links.")] = 1,
    days: Annotated[float, typer.Option(help="Days for which a link can be opened.")] = 14,
    public_url: PublicUrl = None,
) -> None:
    """Print invitation links, each for one person."""
    from ..turing.owner import invite as make_invitations
    from ..turing.study.study import open_study
    from ..turing.web.server import public_address

    url = public_address(public_url)
    if urlsplit(url).path:
        errors.print(f"serve it with the same --public-url {url}", highlight=False, soft_wrap=True)
    with open_study(study) as found:
        links = make_invitations(found, url, count, days)
    for link in links:
        print_line(link)


@turing.command()
def simulate(
    study: StudyFolder,
    annotators: Annotated[int, typer.Option(min=1, help="How many take part.")] = 30,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="observer:d=1,c=0.2, guesser:skill=.5, crowd:skill=.7,rho=.05, "
            "learner:slope=2,without=0,start=0, staircase:threshold=400,spread=60, always-fake, "
            "alternator or fast-clicker:ms=80. The option again for more kinds, which take turns. "
            "Default: observer."
        ),
    ] = None,
    habit: Annotated[
        list[str] | None,
        typer.Option(
            help="Behaviour on the network: steady, quitter, returner, reloader, double-sender or "
            "two-tabs; several take turns. Default: steady."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Address of a running server of the study. Default: start one."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Annotators at once.")] = 30,
    truth: Annotated[
        bool, typer.Option("--truth", help="Also print the error that the study should find.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the annotators' answers.")] = 0,
) -> None:
    """Let simulated annotators take part in a study through its pages, as people would.

    Their votes count like real ones, so use a study of its own. They read the truth from the
    database; the server sends them only what it sends everybody.
    """
    from contextlib import nullcontext

    from rich.progress import Progress

    from ..turing.simulation.participants import Participants
    from ..turing.simulation.simulator import simulate as take_part
    from ..turing.simulation.simulator import summary_lines
    from ..turing.web.server_process import serving

    participants = Participants(
        annotators, kind or ["observer"], habit or ["steady"], workers, seed
    )
    with (
        nullcontext(url) if url else serving(study) as address,
        Progress(console=errors, transient=True) as progress,
    ):
        task = progress.add_task("answers")
        visits = take_part(
            study,
            address,
            participants,
            expect=truth,
            answered=lambda done, total: progress.update(task, completed=done, total=total),
        )
    for line in summary_lines(visits):
        print_line(line)
    status(study)


@turing.command()
def status(study: StudyFolder) -> None:
    """Print how many people and votes a study has, and its error so far."""
    from ..turing.owner import summary
    from ..turing.results.text import status_text
    from ..turing.study.study import open_study

    with open_study(study) as found:
        now = summary(found)
    print_line(status_text(now))


@turing.command()
def results(
    study: StudyFolder,
    out: Annotated[
        Path | None, typer.Option(help="Page to write. Default: STUDY/results.html.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--csv", help="Also write the figures to this file.")
    ] = None,
    values: Annotated[
        Path | None, typer.Option("--json", help="Also write all values to this file.")
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--votes", help="Also write every vote to this CSV file.")
    ] = None,
    responses: Annotated[
        Path | None,
        typer.Option(help="Also write the answers to your own questions to this CSV file."),
    ] = None,
) -> None:
    """Print every figure of a study, and write them with plots as one page."""
    import json

    from ..turing.owner import export_csv, export_responses, new_names, read_design, read_votes
    from ..turing.results.analysis import analyse, to_json
    from ..turing.results.page import results_page
    from ..turing.results.text import csv_text, terminal_text
    from ..turing.study.study import open_study

    with open_study(study) as found:
        votes, design, names = read_votes(found), read_design(found), new_names(found)
        every_vote, answered = export_csv(found, names), export_responses(found, names)
    with errors.status("resampling"):
        analysis = analyse(votes, design)
    print_line(terminal_text(analysis))
    page = results_page(analysis, votes, f"Real or generated: {found.name}")
    for name, file, data in (
        ("page", out or study / "results.html", page),
        ("figures", table, csv_text(analysis).encode()),
        ("values", values, json.dumps(to_json(analysis), indent=1).encode()),
        ("votes", export, every_vote.encode()),
        ("responses", responses, answered.encode()),
    ):
        if file is not None:
            write_result(file, data)
            print_line(f"{name}: {file}")


def write_result(file: Path, data: bytes) -> None:
    """Write a file, and the folder that it is to be in.

    Raises:
        OSError: naming the file, if that is not possible.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{file} cannot be written: {reason}") from None


@turing.command()
def power(
    half_widths: Annotated[
        str, typer.Option(help="Half-widths of the 95% interval in percentage points, with commas.")
    ] = "5,3,2",
    votes: Annotated[str, typer.Option(help="Votes of one person, with commas.")] = "50,100,300",
    rho: Annotated[
        float, typer.Option(help="Correlation of two votes of one person; 0.05 is usual.")
    ] = 0.05,
) -> None:
    """Print how many people a study needs for an interval of some width."""
    from ..turing.results.text import power_text

    halves = [points / 100 for points in parse_numbers("half-widths", half_widths)]
    print_line(power_text(halves, [*parse_numbers("votes", votes), math.inf], rho))


def parse_numbers(name: str, text: str) -> list[float]:
    """Return the numbers of an option.

    Raises:
        ValueError: if something else is in it.

    Example:
        >>> parse_numbers("votes", "50,100")
        [50.0, 100.0]
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{name} must be numbers with commas between them, got {text!r}") from None


@turing.command()
def purge(
    study: StudyFolder,
    early: Annotated[
        bool, typer.Option("--early", help="Remove them even before the retention date.")
    ] = False,
) -> None:
    """Remove everybody's sessions, votes and invitations; the images and the design stay.

    What `results` wrote, such as STUDY/results.html, and backups remain: remove those yourself.
    """
    from ..turing.owner import purge as remove_all
    from ..turing.study.study import open_study

    with open_study(study) as found:
        count = remove_all(found, early=early)
    print_line(f"removed {count:,} {'session' if count == 1 else 'sessions'} and their votes")


def read_text(file: Path) -> str:
    """Return the text of a file.

    Raises:
        ValueError: if it is not in UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not a text in UTF-8") from None


def read_images(
    source: str,
    most: int,
    seed: int,
    options: "SourceOptions | None" = None,
    *,
    allow_changed_code: bool = False,
) -> "Source":
    """Find images by the words of the command line.

    Args:
        source: folder of a run, folder of files, ``.npz``, or data as for train.
        most: how many, drawn at random.
        seed: decides which, and a run's samples.
        options: how a folder or a table of images is read.
        allow_changed_code: draw a run's samples though the user's code has changed since.
    """
    import numpy as np

    from ..data.locations import Kind, locate
    from ..data.source_options import PLAIN
    from ..turing.study.image_import import read_source, source_from_array

    location = locate(source)
    path, options = location.path, options or PLAIN
    if location.kind is Kind.RUN:
        from ..runs.reading import draw_run_rows, note_of_code

        rows = draw_run_rows(path, most, seed, allow_changed_code=allow_changed_code)
        found = source_from_array(path.name, rows.clamp(0, 1).numpy())
        found = replace(found, notes=note_of_code(path))
    elif location.plain_images:
        found = read_source(path, follow_links=options.follow_links)
    else:
        from ..data import load

        dataset = load(source, options=options)
        found = source_from_array(source, dataset.train.images[:].numpy())
        found = replace(found, notes=dataset.notes)
    if len(found.pixels) <= most:
        return found
    chance = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    chosen = np.sort(chance.permutation(len(found.pixels))[:most])
    labels = tuple(found.labels[i] for i in chosen)
    return replace(found, pixels=found.pixels[chosen], labels=labels)
