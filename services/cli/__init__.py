"""The command line: a client of the HTTP faces and the bus like any other, and the launcher of the embedded stack."""
