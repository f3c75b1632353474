"""What a module kind is: its pool, its subject, the evidence for it, its words, and how it is filled."""

import cython
from msgspec import Struct

from models import use_compiled

if not cython.compiled:
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import NO_SUBJECT, PageFills
    from models.layout.kinds.candidates import ScoredCandidates
    from models.storefront.columns import ViewColumns

CART_WEIGHT = cython.declare(cython.double, 0.6)
"""For modules about a cart that is not empty. Own heuristic, not tuned on data."""


class Words(Struct, frozen=True):
    """The texts of a module's reason, for shoppers to read; {it} stands for the subject's name.

    A stranger is a visitor whose state is not used for the page (cold start or no consent).

    Attributes:
        reason: For a module without a subject.
        about: For a module with one; "" for `reason`.
        stranger: For a stranger, of whom no knowledge may be claimed; "" for the others.
        mixed: When the kind's `about_holds` is false; "": `reason`, without the subject's name.
    """

    reason: str
    about: str = ""
    stranger: str = ""
    mixed: str = ""


@cython.cclass
class Pool:
    """Which of a page's candidates a module may show. A pool is a subclass that collects its rows."""

    name = cython.declare(str, visibility="readonly")

    def __init__(self, name: str) -> None:
        """`name` is its key, unique."""
        self.name = name

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        """Adds the rows of the pool, in the order they are shown in: `candidates.add` and its neighbours."""
        raise NotImplementedError


@cython.final
@cython.cclass
class ProposedPool(Pool):
    """What one candidate source proposed, best first."""

    _bit: cython.ulonglong

    def __init__(self, name: str, bit: int) -> None:
        Pool.__init__(self, name)
        self._bit = bit

    @cython.ccall
    def collect(self, candidates: ScoredCandidates) -> cython.void:
        candidates.add_proposed(self._bit)


@cython.cclass
class ModuleKind:
    """All that a type of module is. One that is about something, or has evidence, is a subclass.

    Attributes:
        name: The module type of the storefront document.
        pool: The candidates it shows.
        words: Its reasons.
        known: It shows items the visitor knows already, in their own order.
        lists: The page type whose listing it is: there it comes first and may show what the visitor knows.
        variety: No brand and no category takes more than its share of its items.
        single_topic: It shows one item's surroundings or one category; on the home page each such module
            lowers the next one's score.
        stable: Its items keep their places until others are better by a margin.
        spare: The shop-wide order of the item table that may replace an empty pool: its words stay true.
            One of by_popularity, by_trend, by_newness, or None.
        without_item: The kind that the type stands for when the module's title names no item.
    """

    name = cython.declare(str, visibility="readonly")
    pool = cython.declare(Pool, visibility="readonly")
    words = cython.declare(object, visibility="readonly")
    known = cython.declare(cython.bint, visibility="readonly")
    lists = cython.declare(str, visibility="readonly")
    variety = cython.declare(cython.bint, visibility="readonly")
    single_topic = cython.declare(cython.bint, visibility="readonly")
    stable = cython.declare(cython.bint, visibility="readonly")
    spare = cython.declare(str, visibility="readonly")
    without_item = cython.declare(object, visibility="readonly")

    def __init__(
        self,
        name: str,
        pool: Pool,
        words: Words,
        *,
        known: bool = False,
        lists: str | None = None,
        variety: bool = False,
        single_topic: bool = False,
        stable: bool = True,
        spare: str | None = None,
        without_item: "ModuleKind | None" = None,
    ) -> None:
        self.name, self.pool, self.words = name, pool, words
        self.known, self.variety, self.single_topic, self.stable = known, variety, single_topic, stable
        self.lists, self.spare, self.without_item = lists, spare, without_item

    @cython.ccall
    def subject(self, context: PageContext) -> cython.longlong:
        """What it is about on a page: an item row, `hash_subject` of a category, brand or query, or
        NO_SUBJECT. A module whose title names its subject is not offered without one."""
        return NO_SUBJECT

    @cython.ccall
    def evidence(self, context: PageContext) -> cython.double:
        """What the visitor's last actions add to its score, in standardised item scores; 0 for a stranger."""
        return 0.0

    @cython.ccall
    def about_holds(self, columns: ViewColumns, fills: PageFills, index: cython.int) -> cython.bint:
        """Whether `words.about` is true of the items of a fill; else the reason says `words.mixed`, or leaves
        the subject's name out."""
        return True


@cython.cclass
class AboutAnchor(ModuleKind):
    """A kind about the item that the page, or else the visitor's last view, is about."""

    @cython.ccall
    def subject(self, context: PageContext) -> cython.longlong:
        return context.anchor_row


if not cython.compiled:
    use_compiled(globals())
