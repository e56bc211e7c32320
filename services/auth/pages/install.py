"""All pages, on auth's HTTP face."""

from __future__ import annotations

from fastapi import FastAPI

from services.auth.pages.connect_pages import add_connect_pages
from services.auth.pages.entering import add_assets
from services.auth.pages.ews_pages import add_ews_pages
from services.auth.pages.external_setup_pages import add_external_setup_pages
from services.auth.pages.mail_pages import add_mail_pages
from services.auth.pages.mailbox_pages import add_mailbox_pages
from services.auth.pages.oauth_pages import add_oauth_pages
from services.auth.pages.parts import Parts
from services.auth.pages.routing import page_router
from services.auth.pages.settings_pages import add_settings_pages


def install(api: FastAPI, parts: Parts) -> None:
    router = page_router(parts.rendering)
    add_assets(router, parts)
    add_mailbox_pages(router, parts)
    add_ews_pages(router, parts)
    add_mail_pages(router, parts)
    add_connect_pages(router, parts)
    add_oauth_pages(router, parts)
    add_external_setup_pages(router, parts)
    add_settings_pages(router, parts)
    api.include_router(router)
