"""auth's face of the External client: no login to prove, for the team's set-up was proved before it was offered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.providers.errors import Permanent
from services.providers.types import Proof


class ExternalConnect:
    async def prove(self, address: str, settings: Mapping[str, Any], secret: Mapping[str, str]) -> Proof:
        """Raises `Permanent` (`invalid_settings`) where settings or a secret are given: nothing of them would be used,
        and what opens a mailbox must not be kept for nothing."""
        if settings or secret:
            raise Permanent(
                "invalid_settings",
                words="an External account has neither servers nor passwords",
                remedy="Give the address alone; your own code knows how to send for it.",
            )
        return Proof(address=address, settings={})
