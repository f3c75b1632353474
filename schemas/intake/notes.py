"""What was done to an event that did not fit, for its sender: a bounded list, with closed labels to count."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

NOTES_MAX = 8
"""Named of one event; how many more there were is said in the last."""

Done = Literal["cut", "converted", "dropped", "unknown", "missing"]
"""`unknown`: a name that we do not know. `missing`: what the event is about; it is kept and changes nothing."""


class Note(Struct, frozen=True, gc=False):
    """What was done to one field; `field` is its JSON path, `why` a sentence for the sender."""

    field: str
    done: Done
    why: str


class Notes:
    """Collects the notes of one event.

    `changed` says whether the event is another than it was, which it also is without a note: null and ""
    stand for "not given" and are left out silently. `counts` has every note, by label and what was done;
    labels are paths of fields that we know, with `[]` for any index.
    """

    __slots__ = ("_left", "_notes", "changed", "counts", "index")

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._left = 0
        self.counts: dict[tuple[str, Done], int] = {}
        self.changed = False
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
        self.changed = self.changed or done != "unknown"
        self.counts[label, done] = self.counts.get((label, done), 0) + 1
        if len(self._notes) < NOTES_MAX:
            path = label.replace("[]", f"[{self.index}]", 1)
            self._notes.append(Note(path if name is None else f"{path}.{name}", done, why))
        else:
            self._left += 1

    def listed(self) -> list[Note]:
        """The notes, at most NOTES_MAX and one that counts the others."""
        more = [Note("$", "dropped", f"and {self._left} more")] if self._left else []
        return self._notes + more
