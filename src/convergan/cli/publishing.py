"""The commands push and pull: models on the Hugging Face hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import errors, print_aside, print_line, write_values
from .options import JsonFile, Quiet, show_notes

if TYPE_CHECKING:
    from ..publishing.bundle import Bundle
    from ..publishing.manifest import Manifest

Repository = Annotated[
    str, typer.Argument(metavar="OWNER/NAME", help="A repository of models on the hub.")
]


def push(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run, or of a model, as train and fit write them.")
    ],
    repository: Repository,
    private: Annotated[
        bool, typer.Option("--private", help="Show a new repository to its members alone.")
    ] = False,
    license_name: Annotated[
        str | None,
        typer.Option("--license", metavar="ID", help="The hub's name of a license, such as mit."),
    ] = None,
    ablation: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Of a run: the run of the same recipe, data, labels, seed and steps that was "
            "trained --without game. The card shows its error beside.",
        ),
    ] = None,
    dry_run: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT", help="Write all that would be pushed to this new folder, and ask no hub."
        ),
    ] = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Push a run or a model to the Hugging Face hub, with a model card, in one commit.

    The card is written from what is there: errors beside other methods and beside the same without
    the game, data, labels, command, versions and hashes. Weights are safetensors. Labels,
    predictions, rows to label next, reports and names of folders stay here; what a model keeps of
    its training rows is said here and in the card. Code is not pushed.

    It needs a token that may write, in HF_TOKEN or by hf auth login. The hub is that of
    HF_ENDPOINT. Pushing again replaces the model; the hub keeps what was there before.

    For example: convergan push runs/digits-50-0 me/digits --ablation runs/digits-without-game-50-0

    or first, to look at it: convergan push my-model me/my-model --dry-run look

    Exit codes: 2 wrong arguments or no token, 65 no model, or the hub refuses, 74 no answer from
    the hub.
    """
    from ..core.signals import stopping
    from ..publishing.ablation import read_ablation
    from ..publishing.bundle import collect, write_bundle
    from ..publishing.card import write_card
    from ..publishing.hub import push as push_to_hub
    from ..publishing.hub import require_repository
    from ..publishing.manifest import RUN, make_manifest

    require_repository(repository)
    bundle = collect(folder)
    if ablation is not None and bundle.kind != RUN:
        raise ValueError(f"{folder} is no run, so --ablation has no effect; leave it out")
    row = read_ablation(ablation, folder) if ablation else None
    manifest = make_manifest(bundle.kind, bundle.files)
    card = write_card(folder, bundle, manifest, repository, license_name, row)
    show_bundle(folder, bundle, manifest)
    values: dict[str, Any] = {
        "repository": repository,
        "kind": bundle.kind,
        "files": sorted(bundle.files),
        "bytes": manifest.total,
        "sha256": manifest.sha256,
        "keeps": list(bundle.kept),
        "code": list(bundle.code),
        "notes": list(bundle.notes),
    }
    if dry_run is not None:
        write_bundle(dry_run, bundle, manifest, card)
        print_line(f"nothing was pushed; all that would be is in {dry_run}")
        write_values(json, values)
        return
    with stopping("while pushing; the hub has what it had, or all of it"):
        pushed = push_to_hub(bundle, manifest, card, repository, private=private, bars=has_bars())
    show_notes(pushed.notices)
    if pushed.before:
        show_notes([f"what was there before is revision {pushed.before}"])
    done = "pushed" if pushed.changed else "the hub has this very model already"
    print_line(f"{done}: {pushed.url}, revision {pushed.revision}, hash {manifest.sha256}")
    print_aside(f"next: convergan pull {repository} --sha256 {manifest.sha256}")
    write_values(
        json,
        values | {"url": pushed.url, "revision": pushed.revision, "changed": pushed.changed},
    )


def pull(
    repository: Repository,
    out: Annotated[
        Path | None, typer.Option(help="New folder. Default: NAME, in this folder.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit. Default: the newest.")
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="Refuse any other model than the one of this hash."),
    ] = None,
    quiet: Quiet = False,
    json: JsonFile = None,
) -> None:
    """Pull a run or a model that convergan pushed to the Hugging Face hub.

    Each file is compared with the length and hash that convergan.json has of it; the folder appears
    once all are there. Nothing in it is run or unpickled. With --sha256, which push prints, it is
    the very model that was pushed, whoever may write into the repository.

    A private repository needs a token, in HF_TOKEN or by hf auth login. The hub is that of
    HF_ENDPOINT.

    For example: convergan pull me/digits, and then: convergan sample digits

    or: convergan pull me/my-model --out model, and then: convergan predict model new.csv

    Exit codes: 2 wrong arguments, 65 no such repository, no model, or other bytes than it should
    be, 74 no answer from the hub.
    """
    from ..core.signals import stopping
    from ..publishing.hub import pull as pull_from_hub
    from ..publishing.hub import require_repository
    from ..publishing.manifest import WORDS

    require_repository(repository)
    folder = out or Path(repository.partition("/")[2])
    with stopping("while pulling; nothing was written"):
        pulled = pull_from_hub(
            repository, folder, revision=revision, sha256=sha256, bars=has_bars()
        )
    manifest = pulled.manifest
    print_aside(
        f"{WORDS[manifest.kind]}, {len(manifest.files):,} files, {size(manifest.total)}, "
        f"pushed by convergan {manifest.version}"
    )
    if count := len(pulled.left_out):
        files = "1 file" if count == 1 else f"{count:,} files"
        show_notes([f"not pulled, as no part of the model: {files} of {repository}"])
    print_aside(f"hash: {manifest.sha256}, revision {pulled.revision}")
    print_line(f"pulled: {folder}")
    write_values(
        json,
        {
            "repository": repository,
            "folder": str(folder),
            "kind": manifest.kind,
            "revision": pulled.revision,
            "sha256": manifest.sha256,
            "left_out": list(pulled.left_out),
        },
    )


def show_bundle(folder: Path, bundle: "Bundle", manifest: "Manifest") -> None:
    """Print what is pushed, what it keeps of training rows, and what it needs beside."""
    from ..publishing.manifest import WORDS

    print_aside(
        f"{folder}: {WORDS[bundle.kind]}, {len(bundle.files):,} files, {size(manifest.total)}"
    )
    show_notes([*bundle.notes, *bundle.kept])
    show_notes(
        f"code is not pushed, and nothing works without {file}: share it besides"
        for file in bundle.code
    )


def has_bars() -> bool:
    """Whether somebody looks at a terminal, on which the hub's library may draw its bars."""
    return errors.is_terminal and not errors.quiet


def size(count: int) -> str:
    """Return a number of bytes, roughly.

    Example:
        >>> size(1_400_000), size(12_300)
        ('1.4 MB', '12 kB')
    """
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.0f} kB"
