"""Help that says of each command what it does, in a whole sentence at any width."""

from typing import Any

from typer.core import TyperGroup

LONG = 1000
"""Characters that no first sentence of a command's help has."""


class Commands(TyperGroup):
    """Commands that are listed with the whole first sentence of their help."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the name of each command and what it does; of click's own types, as typer has."""
        lines = [
            (name, self.commands[name].get_short_help_str(LONG)) for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(lines)
