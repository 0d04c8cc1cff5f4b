"""The copies of data sets that are known by name, and under what terms they may be used."""

KNOWN = {
    "omniglot": {
        "21bdee53e651dbecda0e1fce23ab6f32e0ede537dcf3165b0322912c6a14adea": (
            "Lake et al.'s images, background and evaluation, as published"
        ),
    },
    "miniimagenet": {
        "602448ae43c54d69040cb265b26d835e0d696692b31a5711530b006da59d5121": (
            "Ravi and Larochelle's images squashed to 84x84, by another resampler than the "
            "authors' Lanczos (the copy that this suite is tested on)"
        ),
    },
}
"""data set -> fingerprint -> name"""

TERMS = {
    "miniimagenet": (
        "for non-commercial research and education only: https://image-net.org/download"
    ),
}


def copy_name(dataset: str, fingerprint: str) -> str | None:
    """What is known of the copy with this fingerprint; None for data that is made here."""
    if dataset not in KNOWN:
        return None
    return KNOWN[dataset].get(fingerprint, "none that is known by name")
