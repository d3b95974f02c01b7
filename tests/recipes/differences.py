"""What tells one recipe from another."""

from dataclasses import fields, replace

from convergan.recipes import Recipe, describe


def differing(one: Recipe, other: Recipe) -> set[str]:
    """Return the fields in which two recipes differ, their summaries aside."""
    a, b = describe(replace(one, summary="")), describe(replace(other, summary=""))
    return {field.name for field in fields(Recipe) if a[field.name] != b[field.name]}
