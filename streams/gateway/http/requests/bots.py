"""Which user agents are machines: they get the page for all, and what they report is not kept.

The list is that of the package crawler-user-agents. Its own search takes up to 3 ms for a hostile name; ours
looks the names up by their first letters.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from msgspec import Struct

AGENT_BYTES_MAX = 512
"""Of a user agent's name: more is neither looked at nor remembered."""

LIBRARY = ["http-library"]
"""Tags of what a shop's own programs send with, and apps: these are no crawlers."""
CRAWLING = ("bot", "crawl", "scrapy", "httrack", "colly", "larbin", "newspaper")
"""Unless their name says so."""

INDEXED = 3
"""Letters that a name is looked up by: the shortest has as many."""

_PLAIN = re.compile(r"(?:\\[^\w]|[^\\.^$*+?{}\[\]|()])+")
_UNLISTED = re.compile(
    r"(?<!cu)(?:bot|crawler|spider)\b[^a-z].{0,60}https?://|compatible;[^)]{0,40}(?:bot|crawler|spider)\b", re.I
)
"""Names itself a crawler and says where it is explained, or does so where crawlers do. Telephones do neither."""


class AgentList(Struct, frozen=True):
    """Names of machines: those that are plain text by their first letters, and patterns for the others."""

    plain: dict[str, list[str]]
    patterns: list[re.Pattern[str]]

    def names(self, agent: str) -> bool:
        """Whether one of them stands in a user agent. O(its letters)."""
        plain = self.plain
        for at in range(len(agent) - INDEXED + 1):
            names = plain.get(agent[at : at + INDEXED])
            if names is not None and any(agent.startswith(name, at) for name in names):
                return True
        return any(pattern.search(agent) for pattern in self.patterns)


def read_agents(patterns: Iterable[str]) -> AgentList:
    """The list of some regular expressions."""
    plain = defaultdict[str, list[str]](list)
    others = [_UNLISTED]
    for pattern in patterns:
        name = re.sub(r"\\(.)", r"\1", pattern)
        if _PLAIN.fullmatch(pattern) and len(name) >= INDEXED:
            plain[name[:INDEXED]].append(name)
        else:
            others.append(re.compile(pattern))
    return AgentList(dict(plain), others)


def _is_crawler(pattern: str, tags: list[str]) -> bool:
    return tags != LIBRARY or any(word in pattern.lower() for word in CRAWLING)


AGENTS = read_agents(
    entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if _is_crawler(entry["pattern"], entry["tags"])
)


def is_bot(user_agent: bytes) -> bool:
    """Whether a user agent is a machine's."""
    return _names_machine(user_agent[:AGENT_BYTES_MAX])


@lru_cache(maxsize=4096)
def _names_machine(user_agent: bytes) -> bool:
    return AGENTS.names(user_agent.decode("latin-1"))
