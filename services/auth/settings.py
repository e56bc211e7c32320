"""What an operator can set for this service; read once, at start."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from services.auth.domain.oauth_app import GOOGLE_ISSUER, MICROSOFT_AUTHORITY
from services.auth.domain.revocation import PAUSES
from services.providers.connect_settings import ConnectSettings
from services.runtime.settings import RuntimeSettings


class Settings(RuntimeSettings, ConnectSettings):
    service: str = "auth"
    http_port: int = 8101

    public_url: str = Field(
        default="http://127.0.0.1:8100", description="Where people's browsers reach this: links and OAuth lead there"
    )
    key_ring: str | None = Field(
        default=None, repr=False, description="The key ring's file, or its JSON; without one the service does not start"
    )
    offered_clients: tuple[str, ...] = Field(
        default=("smtp_imap", "external"), description="What teams may offer their people, as JSON"
    )
    lease_seconds: int = Field(default=300, ge=10, le=3600, description="How long leased credentials may be kept")

    proofs_at_once: int = Field(default=64, ge=1, description="Logins at mail servers under way in this process")
    proof_seconds: float = Field(default=90, gt=0, description="Time for one proof of both logins")

    google_client_id: str = Field(default="", description="The app registered with Google, for all teams without one")
    google_client_secret: str = Field(default="", repr=False)
    microsoft_client_id: str = Field(default="", description="The app registered with Microsoft Entra, likewise")
    microsoft_client_secret: str = Field(default="", repr=False)
    microsoft_tenant: str = Field(
        default="common", description="`common`, `organizations`, or the one tenant that the app is registered for"
    )
    google_issuer: str = Field(default=GOOGLE_ISSUER, description="Google's sign-in redirected: for sandboxes")
    microsoft_authority: str = Field(default=MICROSOFT_AUTHORITY, description="Another cloud's sign-in, or a sandbox")
    token_seconds: float = Field(
        default=30,
        gt=0,
        description="Time for one request to a token endpoint; nobody need wait so long",
    )
    token_patience_seconds: float = Field(default=15, gt=0, description="How long whoever wants a fresh token waits")
    renewal_lease_seconds: float = Field(
        default=10, ge=1, description="How soon after its death a replica's renewals are another's"
    )
    revocation_seconds: float = Field(default=5, gt=0, description="Time given to a provider to take a grant back")
    revocation_pauses: tuple[float, ...] = Field(
        default=tuple(pause.total_seconds() for pause in PAUSES),
        min_length=1,
        description="Seconds between the tries of a provider that did not, as JSON; then it is given up",
    )
    revocation_sweep_seconds: float = Field(default=20, gt=0, description="How often is looked for such tries")

    dns_servers: tuple[str, ...] = Field(
        default=(), description="Whom to ask for mail servers' records, as JSON: `address` or `address:port`"
    )

    @property
    def lease_for(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)
