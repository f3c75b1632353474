"""What a module kind is: its pool, its subject, the evidence for it, its words, and how it is filled."""

import cython

from models import use_compiled
from models.layout.kind_traits import Traits, Words

if not cython.compiled:
    from models.layout.context import PageContext
    from models.layout.fills.page_fills import NO_SUBJECT, PageFills
    from models.layout.kinds.candidates import ScoredCandidates
    from models.storefront.columns import ViewColumns

CART_WEIGHT = cython.declare(cython.double, 0.6)
"""For modules about a cart that is not empty. Own heuristic, not tuned on data."""
_ORDINARY = Traits()


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
        known, lists, variety, single_topic, stable, spare: Its Traits.
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
        traits: Traits = _ORDINARY,
        without_item: "ModuleKind | None" = None,
    ) -> None:
        self.name, self.pool, self.words, self.without_item = name, pool, words, without_item
        self.known, self.variety, self.stable = traits.known, traits.variety, traits.stable
        self.single_topic, self.lists, self.spare = traits.single_topic, traits.lists, traits.spare

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


@cython.cfunc
@cython.exceptval(check=False)
def cart_evidence(context: PageContext) -> cython.double:
    """CART_WEIGHT while there is something in the cart."""
    return CART_WEIGHT if context.visit.state.cart_count else 0.0


@cython.cclass
class AboutAnchor(ModuleKind):
    """A kind about the item that the page, or else the visitor's last view, is about."""

    @cython.ccall
    def subject(self, context: PageContext) -> cython.longlong:
        return context.anchor_row


if not cython.compiled:
    use_compiled(globals())
