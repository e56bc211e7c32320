"""What axe-core, the rules most audits use, finds wrong with a page as it stands: WCAG 2.2, levels A and AA."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest
from playwright.async_api import Page

_RULES = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => {
  const found = await axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  });
  return found.violations.flatMap(rule => rule.nodes.map(
    node => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}"""


async def faults(page: Page) -> list[str]:
    await page.evaluate(_source())
    found: list[str] = await page.evaluate(_RUN)
    return found


@cache
def _source() -> str:
    if not _RULES.exists():
        words = "the pages' accessibility needs axe-core: run `make servers`, or `npm ci --prefix tests/browser/axe`"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    return _RULES.read_text()
