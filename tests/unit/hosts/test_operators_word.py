"""What an operator allows is heard by every service that connects to mail servers, and nothing is allowed unasked."""

from __future__ import annotations

import pytest

from services.auth.settings import Settings as Auth
from services.inbox_sync.settings import Settings as InboxSync
from services.send.settings import Settings as Send


@pytest.mark.parametrize("kind", [Auth, Send, InboxSync])
def test_port_143_and_private_networks_are_allowed_by_an_operators_setting_alone(
    kind: type[Auth] | type[Send] | type[InboxSync], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FIND_KEYS", "KEY_RING"):
        monkeypatch.setenv(f"REPLYWIRE_{name}", "x")
    strict = kind.model_validate({}).connect_policy
    assert (strict.allow_imap_143, tuple(strict.allowed_networks), tuple(strict.extra_ports)) == (False, (), ())
    monkeypatch.setenv("REPLYWIRE_ALLOW_IMAP_143", "true")
    monkeypatch.setenv("REPLYWIRE_ALLOWED_NETWORKS", '["10.1.0.0/16"]')
    allowed = kind.model_validate({}).connect_policy
    assert (allowed.allow_imap_143, tuple(allowed.allowed_networks)) == (True, ("10.1.0.0/16",))
