"""What an image runs: the module of the service it was built for, in this very process (so signals reach it)."""

from __future__ import annotations

import os
import sys

MODULES = {
    "auth": "services.auth",
    "send": "services.send",
    "inbox_sync": "services.inbox_sync",
    "reply_matching": "services.reply_matching",
    "provision": "services.runtime.provision",
    "sandbox_mail": "deploy.embedded.sandbox_mail",
}


def main() -> None:
    image = os.environ.get("REPLYWIRE_IMAGE", "")
    if image not in MODULES:
        sys.exit(f"REPLYWIRE_IMAGE={image!r}: the image was built without --build-arg SERVICE={'|'.join(MODULES)}")
    os.execv(sys.executable, [sys.executable, "-m", MODULES[image]])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
