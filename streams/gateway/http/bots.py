"""Which user agents are crawlers: they get the popular page, and no personal one is decided for them."""

from __future__ import annotations

import re
from functools import lru_cache

_CRAWLER = re.compile(
    rb"bot\b|bot/|crawl|spider|slurp|facebookexternalhit|bingpreview|mediapartners|lighthouse|pingdom",
    re.IGNORECASE,
)


AGENT_BYTES_MAX = 512
"""Of a user agent's name: more is neither looked at nor remembered."""


def is_bot(user_agent: bytes) -> bool:
    """Whether a user agent names itself a crawler."""
    return _names_crawler(user_agent[:AGENT_BYTES_MAX])


@lru_cache(maxsize=4096)
def _names_crawler(user_agent: bytes) -> bool:
    return bool(_CRAWLER.search(user_agent))
