"""Which known name an unknown one was meant to be: cheaply, for hostile names come by the thousand."""

from __future__ import annotations

from collections.abc import Iterable

NAME_MAX = 40
"""Characters of an unknown name that are looked at and shown."""


class Spelling:
    """Finds a known name that differs in case, separators or one letter (left out, added, changed, swapped).

    Args:
        known: the names. Complexity: memory O(their letters).

    Reference: the symmetric delete algorithm (SymSpell), at distance one.
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._by_form: dict[str, str] = {}
        names = list(known)
        for name in names:
            self._by_form[_squeeze(name)] = name
        for name in names:
            for form in _with_one_letter_less(_squeeze(name)):
                self._by_form.setdefault(form, name)

    def closest(self, name: str) -> str | None:
        """The known name that was meant, None when none is near. O(letters of the name)."""
        form = _squeeze(name[:NAME_MAX])
        if len(form) < 3:
            return None
        if form in self._by_form:
            return self._by_form[form]
        return next(
            (self._by_form[less] for less in _with_one_letter_less(form) if less in self._by_form), None
        )

    def hint(self, name: str) -> str:
        """`not known`, with the name that was meant if there is one."""
        near = self.closest(name)
        return "not known" if near is None else f"not known, did you mean {near}?"


def _squeeze(name: str) -> str:
    """The name's letters and digits, small."""
    return "".join(filter(str.isalnum, name.lower()))


def _with_one_letter_less(form: str) -> Iterable[str]:
    return (form[:at] + form[at + 1 :] for at in range(len(form)))
