"""Jobs as tasks of a Ray cluster. Ray is imported here alone, and only when it is asked for."""
