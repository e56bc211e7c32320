"""A container's health: a service's own /ready, or the sandbox's IMAP port."""

from __future__ import annotations

import os
import socket
import sys
import urllib.error
import urllib.request

_LIMIT = 4.0


def main() -> None:
    if os.environ.get("REPLYWIRE_IMAGE") == "sandbox_mail":
        port = int(os.environ.get("REPLYWIRE_SANDBOX_IMAP_PORT", "2993"))
        try:
            socket.create_connection(("127.0.0.1", port), _LIMIT).close()
        except OSError as error:
            sys.exit(f"IMAP does not answer: {error}")
        return
    url = f"http://127.0.0.1:{int(os.environ.get('REPLYWIRE_HTTP_PORT', '8080'))}/ready"
    try:
        urllib.request.urlopen(url, timeout=_LIMIT).close()
    except urllib.error.HTTPError as error:
        sys.exit(f"not ready: {error.read().decode(errors='replace')[:500]}")
    except OSError as error:
        sys.exit(f"no answer: {error}")


if __name__ == "__main__":
    main()
