"""What was done to an event that did not fit, for its sender: a bounded list, with closed labels to count."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

NOTES_MAX = 8
"""Named of one event; how many more there were is said in the last."""

Done = Literal["cut", "converted", "dropped", "unknown", "missing"]
"""`unknown`: a name that we do not know. `missing`: what an event is about: it is kept, changes nothing."""


class Note(Struct, frozen=True, gc=False):
    """What was done to one field; `field` is its JSON path, `why` a sentence for the sender."""

    field: str
    done: Done
    why: str


class Notes:
    """Collects the notes of one event.

    `total` is how many there were; `counts` has all of them, by label and what was done. Labels are paths of
    fields that we know, with `[]` for any index. What is null or "" is not given, which needs no note.
    """

    __slots__ = ("_notes", "counts", "index", "total")

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self.total = 0
        self.counts: dict[tuple[str, Done], int] = {}
        self.index = 0
        """Of the line of items[] that is looked at."""

    def add(self, label: str, done: Done, why: str, name: str | None = None) -> None:
        """Note what was done to a field.

        Args:
            label: its path, or of what it is in when it has a `name`.
            done: what.
            why: one sentence.
            name: the sender's, of a field or event that we do not know.
        """
        self.total += 1
        self.counts[label, done] = self.counts.get((label, done), 0) + 1
        if self.total <= NOTES_MAX:
            path = label.replace("[]", f"[{self.index}]", 1)
            self._notes.append(Note(path if name is None else f"{path}.{name}", done, why))

    def as_list(self) -> list[Note]:
        """The notes, at most NOTES_MAX and one that counts the others."""
        left = self.total - NOTES_MAX
        return [*self._notes, Note("$", "dropped", f"and {left} more")] if left > 0 else self._notes
