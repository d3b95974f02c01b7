"""The version is that of the changelog."""

from pathlib import Path

from convergan.core.version import __version__

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


def test_newest_version_of_the_changelog_is_the_package_version() -> None:
    versions = [
        line.split("[")[1].split("]")[0]
        for line in CHANGELOG.read_text().splitlines()
        if line.startswith("## [")
    ]
    assert versions[0] == __version__
