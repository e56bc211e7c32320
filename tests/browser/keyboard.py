"""A person without a mouse: Tab to a control, which must be seen to have the focus, then a key that works it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from playwright.async_api import Page, expect

_MOST_STOPS = 80
_STOP = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const style = getComputedStyle(at), box = at.getBoundingClientRect();
  const clear = /^(transparent|rgba\\(.*, 0\\))$/.test(style.outlineColor);
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 && !clear;
  const label = at.labels && at.labels.length ? at.labels[0].textContent : "";
  const name = (at.getAttribute("aria-label") || label || at.textContent).replace(/\\s+/g, " ").trim();
  return {
    name, id: at.id, field: at.getAttribute("name") || "", kind: at.type || "", html: at.outerHTML.slice(0, 200),
    seen: outlined || style.boxShadow !== "none",
    onScreen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    box: { top: box.top + scrollY, bottom: box.bottom + scrollY, left: box.left, right: box.right },
  };
}"""
_STOPS = """() => [...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]")]
  .filter(each => !each.disabled && each.tabIndex >= 0 && each.checkVisibility())
  .filter(each => each.type !== "radio" || each.checked
    || (!document.querySelector(`[name=${each.name}]:checked`)
      && each === document.querySelector(`[name=${each.name}]`)))
  .map(each => each.outerHTML.slice(0, 200))"""
Stop = dict[str, Any]


async def stop(page: Page) -> Stop | None:
    """The control that has the focus, which is on the screen and looks it; None between the end and the beginning."""
    found: Stop | None = await page.evaluate(_STOP)
    if found is not None:
        assert found["seen"], f"nobody sees the focus at {found['html']}"
        assert found["onScreen"], f"the focus is off the screen, at {found['html']}"
    return found


async def tab_to(page: Page, name: str, *, back: bool = False) -> Stop:
    """`name`: what labels the control, its id, or the name of its field."""
    met = []
    for _ in range(_MOST_STOPS):
        await page.keyboard.press("Shift+Tab" if back else "Tab")
        found = await stop(page)
        if found is not None and name in (found["name"], found["id"], found["field"]):
            return found
        met.append(found and found["name"])
    raise AssertionError(f"Tab does not lead to {name!r}, but to {met}")


async def press(page: Page, name: str, key: str = "Enter", *, back: bool = False) -> None:
    await tab_to(page, name, back=back)
    await page.keyboard.press(key)


async def write(page: Page, name: str, text: str) -> None:
    await tab_to(page, name)
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type(text)


async def focused(page: Page, text: str) -> None:
    """Where the answer to a form is, there the focus is."""
    await expect(page.locator("[tabindex='-1']:focus")).to_contain_text(text)


async def walk(page: Page) -> None:
    """Once through all controls and back: each is met, in the order of the page's text and as the eye goes, and none
    keeps the focus."""
    expected = await page.evaluate(_STOPS)
    if await page.evaluate("document.activeElement !== document.body"):
        await page.keyboard.press("Shift+Tab")
        while await stop(page) is not None:
            await page.keyboard.press("Shift+Tab")
    there: list[Stop] = []
    await page.keyboard.press("Tab")
    while (found := await stop(page)) is not None:
        if there and found["html"] == there[0]["html"]:
            break  # some pages' end leads to their beginning without a stop between
        there.append(found)
        assert len(there) <= len(expected), f"{page.url}: round and round, past {[each['html'] for each in there[-3:]]}"
        await page.keyboard.press("Tab")
    assert [each["html"] for each in there] == expected, page.url
    boxes = [each["box"] for each in there[1:]]  # the first one hides where it is not needed
    for one, other in pairwise(boxes):
        assert other["bottom"] > one["top"], f"{page.url}: up the page again, at {other}"
        beside = other["top"] < one["bottom"] and one["top"] < other["bottom"]
        assert not beside or other["right"] > one["left"], f"{page.url}: back in the line, at {other}"
    for expected_now in reversed(there):
        await page.keyboard.press("Shift+Tab")
        found = await stop(page)
        if found is None and expected_now is there[-1]:
            await page.keyboard.press("Shift+Tab")
            found = await stop(page)
        assert found is not None
        assert found["html"] == expected_now["html"], page.url
