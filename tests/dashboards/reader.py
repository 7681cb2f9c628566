"""A reader without a login, in a browser: what the page asked for, and what it got."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

WIDTH, HEIGHT = 1440, 1000
SECONDS = 120_000
CHART_DATA = "/api/v1/chart/data"
LOADING = ".loading, [data-test='loading-indicator']"
ERRORS = ".ant-alert-error, [data-test='error-alert']"


@dataclass
class Answer:
    """What one chart-data call came back with."""

    status: int
    rows: list[int]
    queries: list[str]
    data: list[Any]
    text: str = ""


@dataclass
class Reader:
    """One page, opened by somebody who is not logged in."""

    page: Any
    answers: list[Answer] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    """Requests to other hosts that left the browser."""
    asked: Any = None
    """The last chart-data request."""

    def __post_init__(self) -> None:
        self.page.on("response", self._answered)
        self.page.on("requestfinished", lambda request: self._gone(request, "answered"))
        self.page.on("requestfailed", lambda request: self._gone(request, request.failure))

    def _gone(self, request: Any, outcome: str) -> None:
        """Keep a request to another host, unless the page's policy kept it from being sent."""
        address = urlsplit(request.url)
        is_ours = address.hostname == "127.0.0.1" or address.scheme in ("data", "blob")
        if not is_ours and outcome != "csp":
            self.elsewhere.append(f"{request.url}: {outcome}")

    def _answered(self, response: Any) -> None:
        if CHART_DATA not in response.url:
            return
        self.asked = response.request
        text = response.text()
        results = json.loads(text).get("result", []) if response.status == 200 else []
        self.answers.append(
            Answer(
                response.status,
                [one["rowcount"] for one in results],
                [one["query"] for one in results],
                [one["data"] for one in results],
                "" if results else text[:400],
            )
        )

    def open(self, address: str, charts: int) -> None:
        """Open a dashboard, and wait until each of its charts has its data and is drawn."""
        self.answers.clear()
        self.page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        self.page.goto(address)
        self.page.wait_for_selector(".dashboard-component-chart-holder", timeout=SECONDS)
        # Charts load when they are scrolled to: make room for all.
        height = self.page.evaluate("document.querySelector('.grid-container').scrollHeight")
        self.page.set_viewport_size({"width": WIDTH, "height": height + 220})
        self.wait_for(charts)

    def wait_for(self, answers: int) -> None:
        """Wait for so many answers, and for what is drawn with them."""
        waited = 0
        while len(self.answers) < answers and waited < SECONDS:
            self.page.wait_for_timeout(200)
            waited += 200
        assert len(self.answers) >= answers, [answer.queries for answer in self.answers]
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(1500)

    def pick(self, filter_id: str, value: str, answers: int) -> None:
        """Choose a filter's value as a person does: type it, press Enter, apply."""
        self.page.locator(f"#NATIVE_FILTER-{filter_id}").click(force=True)
        self.page.keyboard.type(value)
        self.page.locator(f".ant-select-item-option[title='{value}']").first.click()
        self.page.keyboard.press("Escape")
        self.page.wait_for_load_state("networkidle")
        # What was typed asked for values; from here on it is charts that ask.
        self.answers.clear()
        self.page.locator("[data-test='filter-bar__apply-button']").click()
        self.wait_for(answers)

    def errors(self) -> list[str]:
        """Return what is shown in error boxes."""
        texts: list[str] = self.page.locator(ERRORS).all_inner_texts()
        return texts

    def failed(self) -> list[str]:
        """Return what was answered with anything but 200."""
        return [f"{one.status} {one.text}" for one in self.answers if one.status != 200]

    def of(self, mart: str) -> list[Answer]:
        """Return the answers of charts on one mart."""
        return [one for one in self.answers if any(f"`{mart}`" in query for query in one.queries)]

    def save(self, path: Path) -> None:
        """Take a picture of the page."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.mouse.move(0, 0)
        self.page.screenshot(path=path)
