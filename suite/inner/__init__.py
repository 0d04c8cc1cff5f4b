"""The differentiable inner loop, through `higher`."""
