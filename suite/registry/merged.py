"""What git and editors leave in a record that was merged, moved or saved by hand."""

from suite.parsing import NotJson, name_twice

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_CONFLICT = b"<<<<<<< "
_LFS = b"version https://git-lfs"


def merge_leftover(data: bytes) -> str | None:
    """What has spoilt `data`, which is no JSON any more, and the remedy; None where unknown."""
    if data.startswith(_CONFLICT) or b"\n" + _CONFLICT in data:
        return (
            "it holds the marks of a merge conflict; keep one side: "
            "git checkout --ours FILE, or --theirs"
        )
    if data.startswith(_LFS):
        return "it is a pointer of git LFS and no record yet; fetch it: git lfs pull"
    if data.startswith(_BYTE_ORDER_MARKS):
        return (
            "it begins with a byte order mark, so something has saved it anew; "
            "restore it: git checkout FILE"
        )
    return None


def repeated_name(data: bytes) -> str | None:
    """The name that an object in the JSON `data` has twice, and the remedy; None without one.

    Where `data` cannot be searched, the reason.
    """
    try:
        name = name_twice(data)
    except NotJson as error:
        return str(error)
    return None if name is None else f"it has '{name}' twice; restore it: git checkout FILE"
