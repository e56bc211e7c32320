"""One suite for every e-mail client, real and in memory: what `services.providers.protocols` promises."""
