"""The providers that people sign in with, as the settings have them, and what each keeps in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.auth.adapters.google import GoogleSignIn
from services.auth.adapters.microsoft import MicrosoftSignIn
from services.auth.adapters.provider_http import ProviderHttp
from services.auth.domain.oauth_app import MICROSOFT_GRAPH, OAuthApp, Provider
from services.auth.oauth_ports import SignIn
from services.auth.settings import Settings


class ProviderSignIns:
    """Conforms to `oauth_ports.SignIns` and `oauth_ports.ConsentPage`."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        ca_file = None if settings.ca_file is None else str(settings.ca_file)
        seconds = settings.token_seconds
        google_http = ProviderHttp(Provider.GOOGLE, ca_file=ca_file, seconds=seconds)
        microsoft_http = ProviderHttp(Provider.MICROSOFT, ca_file=ca_file, seconds=seconds)
        graph = settings.provider_hosts.get("microsoft365", {}).get("graph", MICROSOFT_GRAPH)
        self._google = GoogleSignIn(google_http, now, settings.google_issuer)
        self._microsoft = MicrosoftSignIn(
            microsoft_http, now, settings.microsoft_authority, graph, settings.microsoft_tenant
        )

    def __call__(self, provider: Provider) -> SignIn:
        return self._google if provider is Provider.GOOGLE else self._microsoft

    def consent_page(self, app: OAuthApp, redirect_uri: str, state: str | None) -> str:
        return self._microsoft.consent_page(app, redirect_uri, state)

    async def close(self) -> None:
        await self._google.close()
        await self._microsoft.close()
