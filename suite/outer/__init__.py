"""What happens between tasks: the outer steps."""
