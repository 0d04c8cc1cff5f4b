"""What is said of a file of a data set that cannot be read: the disk failed, or the copy is bad."""

import errno

from suite.errors import DataError, one_line

_DISK = frozenset(
    {
        *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO),
        *(errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ECONNRESET),
    }
)


def remedy(error: Exception) -> str | None:
    """What to do about the disk or the rights that have kept a file from being read.

    None where it was neither: then the file itself is bad.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in _DISK:
        return "its disk or mount has failed; when that is back, give the same command again"
    return "let this user read it" if number in (errno.EACCES, errno.EPERM) else None


def unreadable(place: object, error: Exception, *, failed: str, advice: str) -> DataError:
    """The error to raise where `error` has kept the file at `place` from being read.

    It says `failed`, as "cannot decode FILE", and ends in `advice`, unless another copy would not
    help: see `remedy`.
    """
    reason = one_line((isinstance(error, OSError) and error.strerror) or str(error))
    if better := remedy(error):
        return DataError(f"cannot read {place} ({reason}): {better}")
    return DataError(f"{failed} ({reason}): {advice}")
