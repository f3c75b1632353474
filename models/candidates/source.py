"""What a candidate source is."""

import cython

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import Visit


@cython.cclass
class Source:
    """A candidate source: it proposes rows of a visit. This one proposes nothing.

    A subclass may be ordinary Python, outside of the compiled modules; then it proposes by `visit.add`.
    """

    name = cython.declare(str, visibility="readonly")
    """Its key in SOURCES; explanations show it (`why.sources`)."""

    def __init__(self, name: str) -> None:
        self.name = name

    @cython.ccall
    def propose(self, visit: Visit) -> cython.void:
        """Proposes rows. How many must not grow with the catalogue; -1 is padding."""

    @cython.ccall
    def fill(self, visit: Visit, missing: cython.int) -> cython.void:
        """For a source that always has items: called after every `propose`.

        Args:
            visit: As for `propose`.
            missing: Rows missing to CANDIDATES_WANTED; it may be negative.
        """


if not cython.compiled:
    use_compiled(globals())
