"""auth's pages for people: connecting a mailbox, its health, the team's e-mail settings. Rendered here, without a
framework in the browser; every one works without JavaScript."""
