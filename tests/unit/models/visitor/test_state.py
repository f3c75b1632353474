"""The state's fields, and what it says of consent."""

from __future__ import annotations

from models.visitor.state import EMPTY, read_consent, refuses_personalization
from tests.unit.models.visitor.folding import act, after


def test_consent_newest_answer_of_each_purpose() -> None:
    assert not refuses_personalization(EMPTY)
    no = after([act("consent_updated", purposes={"personalization": False, "ads": True, "odd": True})])
    assert refuses_personalization(no)
    assert read_consent(no, "ads") is True
    assert read_consent(no, "analytics") is None
    context = {"context": {"consent": {"personalization_storage": True}}}
    yes = after([act("page_view", envelope=context)], no)
    assert not refuses_personalization(yes)
    assert read_consent(yes, "ads") is True
