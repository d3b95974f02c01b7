"""The terminal: results on standard output, everything else on standard error."""

from rich.console import Console

output = Console()
errors = Console(stderr=True)


def print_line(text: str) -> None:
    """Print a line of results as it is: no markup, no colours, no wrapping."""
    output.print(text, highlight=False, markup=False, soft_wrap=True)
