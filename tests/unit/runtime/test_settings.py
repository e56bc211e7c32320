"""Settings are read once, name their service's database, and do not show their secrets."""

from __future__ import annotations

import pytest

from services.runtime.settings import RuntimeSettings


class Settings(RuntimeSettings):
    service: str = "send"
    http_port: int = 8102
    batch: int = 50


def test_a_service_has_its_own_database_and_inbox() -> None:
    assert Settings().mongodb_database == "replywire_send"
    assert Settings().inbox_prefix == "_INBOX_send"
    assert Settings(mongodb_database="elsewhere").mongodb_database == "elsewhere"


def test_the_environment_overrides_and_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLYWIRE_BATCH", "7")
    monkeypatch.setenv("REPLYWIRE_NATS_USER", "")
    settings = Settings()
    monkeypatch.setenv("REPLYWIRE_BATCH", "9")
    assert (settings.batch, settings.nats_user) == (7, None)


def test_secrets_are_not_shown() -> None:
    shown = repr(
        Settings(nats_password="hidden-1", mongodb_url="mongodb://u:hidden-2@db", nats_url="nats://u:hidden-3@n")
    )
    assert "hidden" not in shown


def test_every_process_has_a_name_of_its_own() -> None:
    assert Settings().instance_id != Settings().instance_id
