"""The words of one language: a TOML file beside this module, named by the language's code.

To add a language, copy ``en.toml`` to ``fr.toml`` or what the code is, and translate what stands
behind the equals signs; names in braces stay as they are.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

ASK = " If you have a question: "
"""Between a refusal and the study's contact."""


@dataclass(frozen=True)
class Words:
    """What pages say in one language.

    Attributes:
        page: texts of the pages by their keys; some have names in braces, to be filled in.
        refusals: sentences that the server refuses with, by the English ones.
        consent: what people agree to unless the owner has a text of their own.
    """

    page: Mapping[str, str]
    refusals: Mapping[str, str]
    consent: str

    def refusal(self, sentence: str) -> str:
        """Return a refusal in this language; one that nobody has translated stays English.

        It may go on with whom to ask, behind `ASK`.
        """
        refusal, asking, contact = sentence.partition(ASK)
        found = self.refusals.get(refusal, refusal)
        return f"{found} {self.page['ask'].format(contact=contact)}" if asking else found


def languages() -> list[str]:
    """Return the codes of all languages.

    Example:
        >>> languages()
        ['de', 'en']
    """
    files = resources.files(__package__).iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


@cache
def words_of(language: str) -> Words:
    """Return the words of a language.

    Raises:
        ValueError: if there is no file for it, naming the languages.

    Example:
        >>> words_of("de").page["real"]
        'Echt'
    """
    if language not in languages():
        raise ValueError(f"language must be one of {', '.join(languages())}, got {language!r}")
    file = resources.files(__package__).joinpath(f"{language}.toml")
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    return Words(found["page"], found["refusals"], found["consent"]["text"])
