"""What is printed for people: text from outside never acts on the terminal.

Ids, titles and messages come from shops, browsers and other processes. Printed as they are, `[/x]` would end
rich with a MarkupError, and an escape sequence could colour, hide or rewrite what an operator reads.
"""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.text import Text

_ESCAPES = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}
"""Control characters, and those that reverse the direction of text, as Python writes them."""


def visible(text: str) -> str:
    """The text with control characters written as escapes, such as `\\x1b`; newlines and tabs stay."""
    return text.translate(_ESCAPES)


def say(text: str, *, err: bool = False) -> None:
    """Prints a line on stdout, or on stderr."""
    stream = sys.stderr if err else sys.stdout
    stream.write(visible(text) + "\n")
    stream.flush()


class TerminalConsole(Console):
    """A rich Console that prints text as it is: without markup, without emoji codes, `visible`.

    What is to be bold or coloured is a `Text` with a style.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(visible(text), **options)
