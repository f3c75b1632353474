"""Assembly: which module fills each slot of a page, and with which items.

Slots are filled from the top, each given what stands above it (stage-wise greedy). A slot is filled once, no
item comes twice on a page, and pins stand. A slot that no ranked module fills gets its default. No module
comes twice either, unless a pin has no other module to stand in. A slot that nothing at all can fill (in a
shop of three items) is left out.
"""

from typing import Any

import cython
import numpy as np

from models import use_compiled

if not cython.compiled:
    from models.candidates.visit import PAGE_HOME
    from models.layout.assembly.items import ItemSelection
    from models.layout.assembly.stability import UPPER_SLOT_MARGIN, ScoredRows, slot_margin
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import NO_SUBJECT, PageFills
    from models.layout.kinds.candidates import ScoredCandidates
    from models.layout.kinds.kind import ModuleKind
    from models.layout.module_ranking import ModuleRanking
    from models.storefront.columns import PageColumns, ViewColumns

SINGLE_TOPIC_PENALTY = cython.declare(cython.double, 0.7)
"""What each single-topic module on the home page takes from the score of the next such one; on other pages
none does, for they are about one thing on purpose. Own choice, not tuned on data."""


@cython.final
@cython.cclass
class Assembly:
    """A page being filled. Made once and used again.

    Attributes:
        fills: From the top; the result.
        items: Selects the items of its modules; `items.previous` is what the page showed last.
    """

    fills = cython.declare(PageFills, visibility="readonly")
    items = cython.declare(ItemSelection, visibility="readonly")
    _page: PageColumns
    _home: cython.bint
    _ranking: ModuleRanking
    _used: cython.uchar[::1]
    _single_topics: cython.int

    def __init__(self) -> None:
        self.fills, self.items, self._ranking = PageFills(), ItemSelection(), ModuleRanking()
        self._used = np.zeros(16, np.uint8).data
        self._home, self._single_topics = False, 0

    @cython.ccall
    def assemble(self, context: PageContext, candidates: ScoredCandidates, view: ViewColumns) -> cython.void:
        """Fills the slots of a page, from the top (stage-wise greedy), into `fills`.

        Args:
            context: The page.
            candidates: With their pools.
            view: Of the table and the storefront; fills are in its numbers.

        Complexity: O(slots · modules + items shown · LOOK_AHEAD).

        Reference: Own heuristic, not tuned on data: greedy choice slot by slot, with shares of brand and
            category for diversification.
        """
        slot: cython.int
        self._page, self._home = context.page, context.visit.page == PAGE_HOME
        self.fills.clear()
        self._used = np.zeros(self._page.module_count + 1, np.uint8).data
        self._single_topics = 0
        self.items.begin(context, candidates, view)
        self._ranking.rank(context, candidates)
        for slot in range(self._page.slot_count):
            if self._fill_slot(slot) or self._fill_spare(slot):
                self._place_items()

    @cython.cfunc
    def _place_items(self) -> cython.void:
        """Tells the items of the last fill."""
        last: cython.int = self.fills.count - 1
        at: cython.int
        for at in range(self.fills.starts[last], self.fills.starts[last + 1]):
            self.items.place(self.fills.rows[at])

    @cython.cfunc
    def _fill_slot(self, slot: cython.int) -> cython.bint:
        """Fills a slot with the best module that has enough items left; False when none has."""
        pins: cython.int = self._page.pin_starts[slot + 1] - self._page.pin_starts[slot]
        standing: cython.int = self.items.previous.module_in(slot)
        best: cython.int = self._best_candidate(slot, standing)
        while best >= 0:
            module: cython.int = self._ranking.modules[best]
            subject: cython.longlong = self._ranking.subjects[best]
            self._ranking.remove(best)
            chosen: ScoredRows | None = self.items.choose(module, subject, pins)
            if chosen is not None:
                kind: ModuleKind = self._page.kinds[module]
                if kind.single_topic and self._home:
                    self._single_topics += 1
                self._add_fill(slot, module, subject, chosen)
                return True
            best = self._best_candidate(slot, standing)
        return False

    @cython.cfunc
    def _best_candidate(self, slot: cython.int, standing: cython.int) -> cython.int:
        """The admitted module with the highest score; the one standing in the slot is ahead by its margin."""
        ranking: ModuleRanking = self._ranking
        i: cython.int
        best: cython.int = -1
        best_score: cython.double = 0.0
        for i in range(ranking.count):
            if best >= 0 and ranking.scores[i] + UPPER_SLOT_MARGIN <= best_score:
                break
            module: cython.int = ranking.modules[i]
            if not self._page.admits[slot, module]:
                continue
            kind: ModuleKind = self._page.kinds[module]
            score: cython.double = ranking.scores[i]
            if kind.single_topic:
                score = score - SINGLE_TOPIC_PENALTY * self._single_topics
            if self._page.module_codes[module] == standing:
                score += slot_margin(slot)
            if best < 0 or score > best_score:
                best, best_score = i, score
        return best

    @cython.cfunc
    def _add_fill(
        self, slot: cython.int, module: cython.int, subject: cython.longlong, chosen: ScoredRows
    ) -> cython.void:
        """Adds a fill with the pins of its slot, each at its index or at the end when it has fewer items."""
        i: cython.int
        self.fills.begin(slot, self._page.module_codes[module], subject)
        for i in range(chosen.count):
            self.fills.add(chosen.rows[i])
        for i in range(self._page.pin_starts[slot], self._page.pin_starts[slot + 1]):
            self.fills.insert(self._page.pin_indexes[i], self._page.pin_rows[i])
        self._used[module] = 1

    @cython.cfunc
    def _fill_spare(self, slot: cython.int) -> cython.bint:
        """Fills a slot with its default, or another admitted module, from its shop-wide order; its minimum
        does not count. False when no module has a row left and nothing is pinned."""
        pins: cython.int = self._page.pin_starts[slot + 1] - self._page.pin_starts[slot]
        choices: list[Any] = self._page.choices[slot]
        module: cython.int
        unused: list[Any] = [module for module in choices if not self._used[module]]
        for module in unused:
            kind: ModuleKind = self._page.kinds[module]
            if kind.spare is not None:
                spare: ScoredRows = self.items.choose_spare(kind.spare, self._page.items_max[module] - pins)
                if spare.count or pins:
                    self._add_fill(slot, module, NO_SUBJECT, spare)
                    return True
        if not pins:
            return False
        # All may stand above: a pin is worth a module that comes twice.
        self._add_fill(slot, unused[0] if unused else choices[0], NO_SUBJECT, ScoredRows())
        return True


if not cython.compiled:
    use_compiled(globals())
