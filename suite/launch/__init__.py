"""Where runs execute, and which runs make up a reproduction."""
