"""The tables file: its head, a section for each data set, and what stands beneath tables."""
