"""Whose fault a provider's error is, and what it tells a person: only a refused grant may ever stop an account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain import aadsts
from services.auth.domain.oauth_app import Provider
from services.auth.domain.oauth_errors import AppRefused, GrantRefused, OAuthError, Unavailable, judge, sign_in_refusal
from services.auth.domain.oauth_flow import SignInRefused
from services.auth.domain.oauth_scopes import GOOGLE_MAIL, missing, require_all

MICROSOFT, GOOGLE = Provider.MICROSOFT, Provider.GOOGLE


@pytest.mark.parametrize(
    ("provider", "error", "words", "kind", "reason"),
    [
        (GOOGLE, "invalid_grant", "Token has been expired or revoked.", GrantRefused, "grant_refused"),
        (GOOGLE, "invalid_grant", "AADSTS700016 in somebody else's words", GrantRefused, "grant_refused"),
        (GOOGLE, "access_denied", "", GrantRefused, "consent_declined"),
        (GOOGLE, "admin_policy_enforced", "", GrantRefused, "policy_refused"),
        (GOOGLE, "org_internal", "", GrantRefused, "other_organisation"),
        (GOOGLE, "invalid_client", "The OAuth client was not found.", AppRefused, "app_refused"),
        (GOOGLE, "deleted_client", "", AppRefused, "app_refused"),
        (GOOGLE, "redirect_uri_mismatch", "", AppRefused, "app_refused"),
        (GOOGLE, "temporarily_unavailable", "", Unavailable, "provider_unavailable"),
        (GOOGLE, "", "", Unavailable, "provider_unavailable"),
        (MICROSOFT, "invalid_grant", "AADSTS65001: …", GrantRefused, "consent_missing"),
        (MICROSOFT, "access_denied", "AADSTS65004: …", GrantRefused, "consent_declined"),
        (MICROSOFT, "access_denied", "AADSTS90094: …", GrantRefused, "admin_consent_missing"),
        (MICROSOFT, "access_denied", "AADSTS90095: …", GrantRefused, "admin_consent_requested"),
        (MICROSOFT, "invalid_grant", "AADSTS50034: …", GrantRefused, "unknown_user"),
        (MICROSOFT, "invalid_grant", "AADSTS50126: …", GrantRefused, "wrong_password"),
        (MICROSOFT, "unauthorized_client", "AADSTS700016: …", AppRefused, "app_unknown"),
        (MICROSOFT, "invalid_client", "AADSTS7000215: …", AppRefused, "app_secret_wrong"),
        (MICROSOFT, "invalid_client", "AADSTS7000222: …", AppRefused, "app_secret_expired"),
        (MICROSOFT, "invalid_grant", "AADSTS50196: loop detected", Unavailable, "provider_unavailable"),
        (MICROSOFT, "server_error", "AADSTS65001: not by its number alone", Unavailable, "provider_unavailable"),
    ],
)
def test_an_error_is_the_persons_the_operators_or_nobodys(
    provider: Provider, error: str, words: str, kind: type[OAuthError], reason: str
) -> None:
    found = judge(provider, error, words)
    assert (type(found), found.reason) == (kind, reason)
    assert found.detail
    assert found.remedy
    assert "{" not in found.detail
    assert sign_in_refusal(found).remedy == found.remedy


@pytest.mark.parametrize("number", aadsts.SENTENCES)
def test_every_code_we_know_is_a_sentence_with_a_remedy(number: str) -> None:
    sentence = aadsts.SENTENCES[number]
    assert sentence.detail.endswith(".")
    assert sentence.remedy.endswith(".")
    assert "AADSTS" not in sentence.detail
    assert aadsts.code_in(f"AADSTS{number}: words. Trace ID: 1") == number


@given(st.text(max_size=40), st.text(max_size=2000))
def test_whatever_a_provider_says_is_judged_and_bounded(error: str, words: str) -> None:
    for provider in Provider:
        found = judge(provider, error, words)
        assert len(found.code) <= 64
        assert len(found.words) <= 500
        assert "\n" not in found.words


def test_a_scope_counts_in_whatever_form_the_provider_names_it() -> None:
    granted = ("openid", "https://graph.microsoft.com/mail.readwrite", "Mail.Send", "User.Read")
    require_all(MICROSOFT, granted)
    assert list(missing(MICROSOFT, granted[:-1])) == ["User.Read"]
    require_all(GOOGLE, ("openid", "https://www.googleapis.com/auth/userinfo.email", GOOGLE_MAIL))
    for almost in ("https://mail.google.com", "https://evil.example.net/https://mail.google.com/"):
        with pytest.raises(SignInRefused, match="read, compose and send your mail"):
            require_all(GOOGLE, (almost,))
