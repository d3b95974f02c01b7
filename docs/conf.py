"""How Sphinx builds the site: `make docs`. Nothing here or in a page needs a network."""

import hashlib
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PACKAGE = ROOT / "src" / "convergan"
sys.path[:0] = [str(ROOT / "src"), str(DOCS)]

import reference_pages  # noqa: E402

from convergan.core.version import __version__  # noqa: E402

if TYPE_CHECKING:
    from docutils.nodes import Element, Node
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment


def _digest_of_sources() -> str:
    """Return a hash of the package: what a tutorial printed holds for these files alone."""
    total = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        total.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()[:16]


# Kernels of tutorials read this profile, and none of the user's.
os.environ["IPYTHONDIR"] = str(DOCS / "_ipython")
os.environ["CONVERGAN_ROOT"] = str(ROOT)  # for a tutorial that shows code beside the package

project = "convergan"
release = version = __version__
copyright = "the convergan authors"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_static", "_ipython"]
default_role = "py:obj"
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = f"convergan {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "default"
pygments_dark_style = "github-dark"

myst_enable_extensions = ["colon_fence", "attrs_block", "attrs_inline"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

nb_execution_mode = "cache"
nb_execution_cache_path = str(ROOT / "build" / "notebooks" / _digest_of_sources())
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 200  # of a page, also on a busy machine
nb_merge_streams = True
nb_render_markdown_format = "myst"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
python_maximum_signature_line_length = 88


REFERENCE = DOCS / "reference"
OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md")
"""Pages that stand beside `docs/`; the site has copies of them in `docs/reference/`."""


def _write_reference(app: "Sphinx") -> None:
    reference_pages.write(REFERENCE)
    for name in OUTSIDE:
        text = (ROOT / name).read_text().replace("](docs/", "](../")
        (REFERENCE / name).write_text(text)


def _prepare_page(app: "Sphinx", docname: str, source: list[str]) -> None:
    if docname == "experiments/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"
    source[0] = re.sub(rf"\]\(\.\./({'|'.join(OUTSIDE)})", r"](reference/\1", source[0])


def _prepare_docstring(
    app: "Sphinx", what: str, name: str, value: object, options: object, lines: list[str]
) -> None:
    lines[:] = [reference_pages.escaped(line) for line in lines]


def _skip_what_others_made(
    app: "Sphinx", what: str, name: str, value: object, skip: bool, options: object
) -> bool | None:
    """Leave out fields of which Python only says their number, and scikit-learn's routing."""
    text = getattr(value, "__doc__", None) or ""
    routing = name.startswith("set_") and name.endswith("_request")
    return True if routing or text.startswith("Alias for field number") else None


def _link_names(app: "Sphinx", doctree: "Node") -> None:
    """Make every ``convergan.part.name`` in a page's text a link to its place in the reference."""
    from docutils import nodes
    from sphinx.addnodes import pending_xref

    for literal in list(doctree.findall(nodes.literal)):
        name = literal.astext()
        inside = isinstance(literal.parent, nodes.reference | pending_xref | nodes.title)
        if inside or not re.fullmatch(r"convergan(\.\w+)+", name):
            continue
        link = pending_xref(
            "", refdomain="py", reftype="obj", reftarget=name, refwarn=False, refexplicit=False
        )
        link["refdoc"] = app.env.docname
        literal.replace_self(link)
        link += literal


def _find_by_short_name(
    app: "Sphinx", env: "BuildEnvironment", node: "Element", content: "Element"
) -> Any:
    """Resolve `name` of another package, or of a module inside one, where one thing has it."""
    if node.get("refdomain") != "py":
        return None
    domain = env.domains.python_domain
    target = str(node.get("reftarget", "")).lstrip(".")
    parts = target.split(".")
    ends = [f".{target}"]
    if parts[0] == "convergan" and len(parts) > 3:
        ends = [f".{parts[1]}.{'.'.join(parts[3:])}", f".{parts[1]}.{parts[-1]}"]
    found = {name for name in domain.objects for end in ends if name.endswith(end)}
    found = {name for name in found if not domain.objects[name].aliased}
    if len(found) != 1:
        return None
    [name] = found
    entry = domain.objects[name]
    from sphinx.util.nodes import make_refnode

    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, name)


def setup(app: "Sphinx") -> None:
    """Connect what is above."""
    app.connect("builder-inited", _write_reference)
    app.connect("source-read", _prepare_page)
    app.connect("autodoc-process-docstring", _prepare_docstring, priority=400)
    app.connect("autodoc-skip-member", _skip_what_others_made)
    app.connect("doctree-read", _link_names)
    app.connect("missing-reference", _find_by_short_name)
