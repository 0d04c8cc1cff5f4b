"""mini-ImageNet: find a copy, check it, decode it."""
