"""The demo shop as somebody sees it who has a browser and no other means."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from playwright.async_api import Browser, ConsoleMessage, Page, Response, expect

WINDOW = ".window"
SLOW_MS = 30_000
"""For what may have to wait for a busy machine; nothing waits longer than it needs."""

expect.set_options(timeout=SLOW_MS)


class ShopPage:
    """One visitor's tab. `troubles` gathers whatever the browser complains of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.troubles: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("response", self._answered)
        page.on("request", lambda request: self.asked.append(request.url))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def _answered(self, answer: Response) -> None:
        if answer.status >= 400:
            self.troubles.append(f"{answer.status} {answer.url}")

    @classmethod
    @asynccontextmanager
    async def entered(
        cls, browser: Browser, url: str, *, width: int, height: int, touch: bool = False
    ) -> AsyncIterator[Self]:
        """A new visitor whose window is dressed; on leaving, nothing may have gone wrong."""
        context = await browser.new_context(
            viewport={"width": width, "height": height}, has_touch=touch, is_mobile=touch
        )
        context.set_default_timeout(SLOW_MS)
        shop = cls(await context.new_page())
        await shop.page.goto(url)
        await shop.dressed()
        yield shop
        assert shop.troubles == []
        await context.close()

    async def dressed(self) -> None:
        await expect(self.page.locator(WINDOW)).to_have_attribute("aria-busy", "false")
        await expect(self.page.locator(f"{WINDOW} .card").first).to_be_visible()

    async def mark(self) -> None:
        """Leave a trace that a reload would wipe out."""
        await self.page.evaluate("window.__mark = 'still the same page'")

    async def marked(self) -> bool:
        return bool(await self.page.evaluate("window.__mark === 'still the same page'"))

    async def shown(self, where: str = WINDOW, modules: int = 99) -> list[str]:
        """Ids of the products in the first modules, in order."""
        ids: list[str] = await self.page.locator(where).evaluate(
            "(root, most) => [...root.querySelectorAll('.module')].slice(0, most)"
            ".flatMap((module) => [...module.querySelectorAll('.card')].map((card) => card.dataset.item))",
            modules,
        )
        return ids

    async def turned_to(self, category: str, share: float, modules: int = 2) -> None:
        """Wait until so much of the window's first modules is of a category."""
        await self.until(
            """([root, most, category, share]) => {
              const modules = [...document.querySelectorAll(root + ' .module')].slice(0, most);
              const cards = modules.flatMap((one) => [...one.querySelectorAll('.card')]);
              const wanted = cards.filter((card) => card.dataset.item.startsWith(category + '-'));
              return wanted.length >= share * Math.max(1, cards.length);
            }""",
            [WINDOW, modules, category, share],
        )

    async def until(self, predicate: str, argument: Any = None) -> None:
        """Wait for a function to hold. (Playwright's own way needs eval, which the page forbids.)"""
        deadline = time.monotonic() + SLOW_MS / 1000
        while not await self.page.evaluate(predicate, argument):
            assert time.monotonic() < deadline, f"never true: {predicate} of {argument}"
            await self.page.wait_for_timeout(50)

    async def share_of(self, category: str, modules: int) -> float:
        """Of the products in the window's first modules, how many are of the category."""
        kinds = Counter(item.rpartition("-")[0] for item in await self.shown(modules=modules))
        return kinds[category] / max(1, kinds.total())

    async def open_category(self, category: str) -> None:
        await self.page.locator(f"[data-category={category}]").click()
        await expect(self.page.locator(".view h1")).to_have_text(category.capitalize())
        await expect(self.page.locator(".view .grid .card").first).to_be_visible()

    async def look_at(self, number: int) -> str:
        """Click a product of the page that is open, and see it; its id."""
        card = self.page.locator(".view .card").nth(number)
        item = str(await card.get_attribute("data-item"))
        await card.locator(".card-link").click()
        await expect(self.page.locator(".product")).to_be_visible()
        return item

    async def back(self) -> None:
        await self.page.go_back()
        await expect(self.page.locator(".view .grid .card").first).to_be_visible()

    async def to_window(self) -> None:
        await self.page.locator(".wordmark").click()
        await expect(self.page.locator(WINDOW)).to_be_visible()

    async def width_overflow(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return int(await self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))
