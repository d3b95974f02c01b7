"""Pages from the templates of an application."""

from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_template(package: str, template: str, values: Mapping[str, object]) -> str:
    """Return a page; what is put into it is escaped.

    Args:
        package: whose folder ``templates`` has the template.
        template: name of its file.
        values: by name; one that the template asks for and that is not there is an error.
    """
    return _environment(package).get_template(template).render(values)


@cache
def _environment(package: str) -> Environment:
    loader = PackageLoader(package)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
