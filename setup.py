"""What pyproject.toml cannot say: an address before every link of the README.

In the repository links are relative; a package's page has no files beside it.
"""

import re
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
RELATIVE = r"(?!\w+:|#|/)"
PLACES = (rf"(\]\(){RELATIVE}", rf"(?m)(^\[[^\]]+\]: +){RELATIVE}")
"""What stands before a target, in brackets or by reference."""


def home_url() -> str:
    """Return the address that everything of the repository is below."""
    lines = (ROOT / "docs" / "home_url.txt").read_text(encoding="utf-8").splitlines()
    [url] = [line for line in lines if line[:1] not in ("", "#")]
    return url


def description() -> str:
    """Return the README with absolute links."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for place in PLACES:
        text = re.sub(place, rf"\1{home_url()}/", text)
    return text


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    project_urls={
        "Homepage": home_url(),
        "Documentation": f"{home_url()}/docs/README.md",
        "Changelog": f"{home_url()}/CHANGELOG.md",
        "Issues": f"{home_url()}/issues",
    },
)
