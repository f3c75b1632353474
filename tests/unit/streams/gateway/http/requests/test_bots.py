"""User agents of machines, and of people whose telephones sound like them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA, is_crawler

from streams.gateway.http.requests.bots import LIBRARY, is_bot

LINES = (Path(__file__).parent / "agents.tsv").read_text().splitlines()
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:60])
def test_shoppers_and_crawlers(line: str) -> None:
    who, agent = line.split("\t")
    assert is_bot(agent.encode()) == (who == "crawler")


def test_every_agent_of_the_list_is_known() -> None:
    missed = [
        agent
        for entry in CRAWLER_USER_AGENTS_DATA
        for agent in entry["instances"]
        if entry["tags"] != LIBRARY and not is_bot(agent.encode())
    ]
    assert missed == []


@pytest.mark.parametrize(
    "agent", ["", CHROME, CHROME * 5, "curl/8.5.0", "Python-urllib/3.11", "okhttp/4.12.0", "axios/1.6"]
)
def test_browsers_and_programs_of_the_shop_are_no_machines(agent: str) -> None:
    assert not is_bot(agent.encode())


@pytest.mark.parametrize(
    "agent", ["Scrapy/2.11 (+https://scrapy.org)", "SCRAPY-CRAWLER", "newbot/1.0 (+https://new.example)"]
)
def test_what_names_itself_a_crawler_is_one(agent: str) -> None:
    assert is_bot(agent.encode())
    assert is_bot(agent.encode() + b" \xff" * 9000)


def test_our_search_finds_what_the_packages_finds() -> None:
    agents = [entry["instances"][0] for entry in CRAWLER_USER_AGENTS_DATA if entry["instances"]][::7]
    cut = [agent[:at] for agent in agents for at in (5, 11, 30)]
    missed = [agent for agent in cut if is_crawler(agent) and not is_bot(agent.encode())]
    assert [agent for agent in missed if not is_library(agent)] == []


def is_library(agent: str) -> bool:
    """Whether only names of libraries are in it."""
    found = [entry for entry in CRAWLER_USER_AGENTS_DATA if re.search(entry["pattern"], agent)]
    return all(entry["tags"] == LIBRARY for entry in found)
