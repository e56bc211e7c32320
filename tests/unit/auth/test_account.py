"""An account's states: what may follow what, and that every change of state or secret grows the revision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from replywire_contracts.v1.account import AccountConnected, AccountDisconnected, AccountNeedsReauth

from services.auth.domain import account as states
from services.auth.domain.account import Account, ProvedMailbox, Rejection, State
from services.auth.domain.announcements import announcement
from services.runtime.envelopes import seal
from tests.unit.auth.rings import ADA, ring_of

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
MAILBOX = ProvedMailbox("smtp_imap", "Ada@example.com", "Ada", {"smtp": {"host": "smtp.example.com"}}, ())
BOX = seal(ring_of("k1", "k1"), ADA, b"{}")
REFUSED = Rejection("refused_login", "535 5.7.8", "Bad credentials", "Connect again.", NOW)


def connected() -> Account:
    return states.connect(ADA.account_id, ADA.team_id, MAILBOX, BOX, NOW)


def test_a_refusal_of_the_current_revision_stops_the_account_once() -> None:
    stopped = states.reject(connected(), 1, REFUSED)
    assert stopped is not None
    assert (stopped.state, stopped.revision, stopped.rejection) == (State.NEEDS_REAUTH, 2, REFUSED)
    assert states.reject(stopped, 1, REFUSED) is None
    assert states.reject(stopped, 2, REFUSED) is None


def test_a_late_refusal_of_an_older_secret_does_not_stop_a_reconnected_account() -> None:
    again = states.reconnect(connected(), MAILBOX, BOX, NOW)
    assert states.reject(again, 1, REFUSED) is None


def test_disconnecting_destroys_the_box_and_the_settings_and_says_so_once() -> None:
    gone = states.disconnect(connected(), NOW)
    assert gone is not None
    assert (gone.state, gone.box, dict(gone.settings), gone.abilities) == (State.DISCONNECTED, None, {}, ())
    assert states.disconnect(gone, NOW) is None
    assert states.reject(gone, gone.revision, REFUSED) is None


def test_reconnecting_keeps_the_id_and_the_first_spelling_of_the_address_and_forgets_the_refusal() -> None:
    stopped = states.reject(connected(), 1, REFUSED)
    assert stopped is not None
    other = ProvedMailbox("smtp_imap", "ada@EXAMPLE.com", "Ada L.", {}, ())
    again = states.reconnect(stopped, other, BOX, NOW + timedelta(days=1))
    assert (again.account_id, again.address, again.display_name) == (ADA.account_id, "Ada@example.com", "Ada L.")
    assert (again.state, again.revision, again.rejection) == (State.CONNECTED, 3, None)
    assert again.created_at == NOW


def test_a_new_name_is_no_news_to_the_other_services() -> None:
    assert states.rename(connected(), "Countess", NOW).revision == connected().revision


@given(st.lists(st.sampled_from(["reconnect", "reject", "disconnect"]), max_size=12))
def test_every_change_announces_its_state_under_an_id_of_its_own(steps: list[str]) -> None:
    account, events = connected(), [announcement(connected())]
    for step in steps:
        after: Account | None
        match step:
            case "reconnect":
                after = states.reconnect(account, MAILBOX, BOX, NOW)
            case "reject":
                after = states.reject(account, account.revision, REFUSED)
            case _:
                after = states.disconnect(account, NOW)
        if after is not None:
            assert after.revision == account.revision + 1
            account = after
            events.append(announcement(account))
    assert len({event.id for event in events}) == len(events)
    assert [event.revision for event in events] == list(range(1, len(events) + 1))
    kinds = {
        State.CONNECTED: AccountConnected,
        State.NEEDS_REAUTH: AccountNeedsReauth,
        State.DISCONNECTED: AccountDisconnected,
    }
    assert type(events[-1]) is kinds[account.state]
    assert announcement(account) == events[-1]
