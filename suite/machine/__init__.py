"""The machine that runs are made on: what it is, what it uses, how it fails."""
