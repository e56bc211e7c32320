"""Debian's Chromium, driven by Playwright; its tests are skipped, loudly, where it is missing, and fail under CI."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def path() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        words = "the pages' tests need Chromium: run `make servers`, or install Debian's package `chromium`"
        if os.environ.get("CI") == "true":
            pytest.fail(words)
        pytest.skip(words)
    return found


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Browser]:
    executable = path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()
