"""The commands of the visual Turing test that concern the people of a study."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from .console import errors, print_line
from .options import JsonFile, Quiet
from .turing import PublicUrl, StudyFolder, read_text, write_private_values
from .turing import turing as turing

PersonName = Annotated[str, typer.Argument(metavar="PERSON", help="As in the list, P-0123abcd.")]


def people(
    study: StudyFolder,
    panel_list: Annotated[
        Path | None,
        typer.Option(
            "--import",
            exists=True,
            dir_okay=False,
            help="The panel's own list, such as Prolific's export of the study; only keyed hashes "
            "of its ids are stored.",
        ),
    ] = None,
    allow_only: Annotated[
        bool,
        typer.Option("--allow-only", help="With --import: nobody else of the panel can begin."),
    ] = False,
    close_unlisted: Annotated[
        bool,
        typer.Option(
            "--close-unlisted",
            help="Close the sessions of whoever is not in the panel's list; their votes do not "
            "count.",
        ),
    ] = False,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Print the people of a study, and hold them against the panel's own list."""
    from ..turing import people as owner
    from ..turing.panel_list import read_panel_list
    from ..turing.study.study import open_study

    if allow_only and panel_list is None:
        raise ValueError("--allow-only needs --import FILE, the list of who is allowed")
    listed = None if panel_list is None else read_panel_list(panel_list)
    with open_study(study) as found:
        if listed is not None:
            count = owner.list_people(found, listed, allow_only=allow_only)
            print_line(f"listed by the panel: {count:,}")
        closed = owner.close_unlisted(found) if close_unlisted else []
        everybody = owner.people(found)
    for line in owner.people_lines(everybody):
        print_line(line)
    if closed:
        print_line(f"closed, not in the panel's list: {', '.join(closed)}")
    write_private_values(json, {"people": everybody, "closed": closed})


def reopen(
    study: StudyFolder,
    person: PersonName,
    public_url: PublicUrl = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Let somebody go on who was away too long or was closed, and print their own address.

    Send the address to that person alone. They have a place even where the study is full.
    """
    from ..turing.people import reopen_person
    from ..turing.study.study import open_study
    from ..turing.web.server import public_address
    from ..web.replies import RefusedError

    url = public_address(public_url)
    with open_study(study) as found:
        try:
            address = reopen_person(found, person, url)
        except RefusedError as error:
            raise ValueError(f"{person}: {error.text}") from None
    print_line(address)
    write_private_values(json, {"person": person, "address": address})


def consent(
    study: StudyFolder,
    text: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="New text that those who come later agree to."
        ),
    ] = None,
    contact: Annotated[
        str | None, typer.Option(help="Whom people can ask. Default: as before.")
    ] = None,
    link: Annotated[
        list[str] | None,
        typer.Option(help="Address shown with the text. Default: as before. Again for more."),
    ] = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Print the versions of the consent text and how many agreed to each, or make a new one."""
    from ..turing.people import change_consent, consent_versions
    from ..turing.study.study import open_study

    with open_study(study) as found:
        if text is not None or contact is not None or link is not None:
            new = None if text is None else read_text(text)
            change_consent(found, new, contact, None if link is None else tuple(link))
        versions = consent_versions(found)
    for version in versions:
        print_line(
            f"version {version.number}, {version.version}, since {version.created}: "
            f"{version.agreed} agreed" + (" (now)" if version.current else "")
        )
    write_private_values(json, {"versions": [version._asdict() for version in versions]})


def bonuses(
    study: StudyFolder,
    panel_list: Annotated[
        Path,
        typer.Option(
            "--import",
            exists=True,
            dir_okay=False,
            help="The panel's own list, such as Prolific's export of the study: ids are matched "
            "by their keyed hashes, as the study has no others.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="File to write: a line 'id,amount' for each person.")],
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Write who earned which bonus by the study's rule, in the form of Prolific's bulk bonuses."""
    from ..turing.earnings import earned_bonuses
    from ..turing.panel_list import read_panel_list
    from ..turing.private_files import write_private
    from ..turing.results.formats import people as people_text
    from ..turing.study.study import open_study

    listed = read_panel_list(panel_list)
    with open_study(study) as found:
        earned = earned_bonuses(found, listed)
    write_private(out, "".join(f"{one.person},{one.amount}\n" for one in earned).encode())
    total = sum(one.amount for one in earned)
    print_line(f"bonuses: {out}, {people_text(len(earned))}, {total} in all")
    if len(earned) < len(listed):
        nothing = len(listed) - len(earned)
        errors.print(
            escape(f"{nothing} of {len(listed)} in {panel_list} earned none or did not finish"),
            highlight=False,
            soft_wrap=True,
        )
    paid = [{"person": one.person, "amount": str(one.amount)} for one in earned]
    write_private_values(json, {"file": str(out), "bonuses": paid, "total": str(total)})


COMMANDS = (people, reopen, consent, bonuses)
"""In the order in which the help shows them, after those of `turing`."""
