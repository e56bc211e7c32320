"""nats.conf of compose, from the rights that the catalogue gives each user: `python -m deploy.docker.render_nats`.

It is committed and checked fresh, and so is the line that `bus-user.sh` makes a team's user of. Passwords stay out of
both: nats-server reads them from its environment.
"""

from __future__ import annotations

import re
from pathlib import Path

from services.runtime.permissions import USERS, external_user, render_users

FILE = Path(__file__).with_name("nats.conf")
TEAM_USER = Path(__file__).with_name("team-user.conf")
_HEAD = """\
# Written by `python -m deploy.docker.render_nats` from services/runtime/permissions.py: do not edit.
server_name: "replywire"
listen: "0.0.0.0:4222"
http: "0.0.0.0:8222"
max_payload: 1048576
jetstream {
  store_dir: "/data"
  # One node: an ack precedes the fsync otherwise, and a crash loses what was acknowledged.
  sync_interval: always
}
"""


def variable(user: str) -> str:
    return f"NATS_{user.upper()}_PASSWORD"


def render() -> str:
    users = render_users({user: f"${variable(user)}" for user in USERS})
    return _HEAD + re.sub(r'"(\$NATS_[A-Z_]+)"', r"\1", users)  # unquoted, it is read from the environment


def render_team_user() -> str:
    """One line of the list of users, for any `TEAM` and its `"PASSWORD"`."""
    [line] = [line for line in render_users({external_user("TEAM"): "PASSWORD"}).splitlines() if "user:" in line]
    return line + "\n"


if __name__ == "__main__":
    FILE.write_text(render())
    TEAM_USER.write_text(render_team_user())
