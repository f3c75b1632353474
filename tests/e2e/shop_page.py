"""The demo shop as a person with a browser sees it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from playwright.async_api import Browser, ConsoleMessage, Page, Response, expect

WINDOW = ".window"
SLOW_MS = 30_000
"""How long to wait at most for what must come, on a busy machine."""

PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"
"""A headless browser calls itself one, and is served as a machine."""

expect.set_options(timeout=SLOW_MS)


class ShopPage:
    """The tab of one visitor, with the browser's errors and warnings (`troubles`) and its `requests`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.troubles: list[str] = []
        self.requests: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("response", self._on_response)
        page.on("request", lambda request: self.requests.append(request.url))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(message.text)

    def _on_response(self, answer: Response) -> None:
        if answer.status >= 400:
            self.troubles.append(f"{answer.status} {answer.url}")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, browser: Browser, url: str, *, width: int, height: int, touch: bool = False
    ) -> AsyncIterator[Self]:
        """Yield the page of a new visitor once it shows a layout; at the end there must be no `troubles`."""
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            has_touch=touch,
            is_mobile=touch,
            user_agent=PERSON,
        )
        context.set_default_timeout(SLOW_MS)
        shop = cls(await context.new_page())
        await shop.page.goto(url)
        await shop.wait_for_layout()
        yield shop
        assert shop.troubles == [], shop.troubles
        await context.close()

    async def wait_for_layout(self) -> None:
        await expect(self.page.locator(WINDOW)).to_have_attribute("aria-busy", "false")
        await expect(self.page.locator(f"{WINDOW} .card").first).to_be_visible()

    async def set_mark(self) -> None:
        """Set a mark that a reload would remove."""
        await self.page.evaluate("window.__mark = 'still the same page'")

    async def has_mark(self) -> bool:
        return bool(await self.page.evaluate("window.__mark === 'still the same page'"))

    async def product_ids(self, where: str = WINDOW, modules: int = 99) -> list[str]:
        """Ids of the products in the first modules, in order."""
        ids: list[str] = await self.page.locator(where).evaluate(
            "(root, most) => [...root.querySelectorAll('.module')].slice(0, most)"
            ".flatMap((module) => [...module.querySelectorAll('.card')].map((card) => card.dataset.item))",
            modules,
        )
        return ids

    async def wait_for_category(self, category: str, share: float, modules: int = 2) -> None:
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
        kinds = Counter(item.rpartition("-")[0] for item in await self.product_ids(modules=modules))
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
