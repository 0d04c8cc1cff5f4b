"""The user's cache directory, reads of bounded regular files, and writes that a kill cannot halve.

Every file is written beside its place, synced and moved there in one step, so a reader sees the
old file or the new one and nothing between. The registry writes its records through here too.
"""

import contextlib
import errno
import io
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from suite.errors import UsageError, one_line
from suite.leftovers import remove_abandoned


def expanded(text: str | Path) -> Path:
    """The path, with the home folder for `~`; a `UsageError` where nobody knows that folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        who = Path(text).parts[0][1:]
        reason = f"there is no user '{who}' with a home folder" if who else "HOME is not set"
        raise UsageError(one_line(f"{text}: {reason}; give the whole path")) from None


def configured(variable: str) -> Path | None:
    """The path in an environment variable; None where it is not set, or empty."""
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        return expanded(text)
    except UsageError as error:
        raise UsageError(f"{variable}={error}") from None


def cache_dir() -> Path:
    """Where downloads and decoded arrays go: `SUITE_CACHE`, else the system's place for caches.

    The directory may not exist yet. Raises `UsageError` where there is no such place.
    """
    if (chosen := configured("SUITE_CACHE")) is not None:
        return chosen
    try:
        return Path(platformdirs.user_cache_dir("maml-suite"))
    except RuntimeError:
        raise UsageError(
            "there is no place for the cache, since the user has no home folder here: "
            "set SUITE_CACHE=DIR"
        ) from None


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file to read its bytes; links to one are followed.

    Raises `OSError` for anything else: a fifo would wait for ever, /dev/zero never ends.
    """
    # Without O_NONBLOCK the opening of a fifo waits for its writer; regular files ignore it.
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def read_regular(path: Path, limit: int) -> bytes:
    """All bytes of a regular file; an `OSError` where it is none, or has more than `limit`."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            text = f"it has {size:,} bytes, more than the {limit:,} that are read"
            raise OSError(errno.EFBIG, text, str(path))
        return file.read(size)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield an empty temporary file beside `path`, which takes the place of `path` on success.

    On any exception, Ctrl-C included, the temporary file is removed and `path` is as it was.
    Parent directories are made. The temporary name is hidden and ends in `.tmp`, so that no
    reader's pattern for finished files matches it; hand `np.save` an open file, not this name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    # Not `tempfile`: its files are private (0600) whatever the umask, and would stay so once moved.
    with _errors_of(path, temporary):
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield temporary
            synced(temporary)
            os.replace(temporary, path)  # noqa: PTH105 - the name of the system call that is atomic
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    _sync_directory(path.parent)


@contextmanager
def _errors_of(path: Path, temporary: Path) -> Iterator[None]:
    """Let errors of the temporary file name the file that was meant."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None
        raise


def synced(path: Path) -> None:
    """Return once what was written to `path` is on the disk; an `OSError` where it does not fit."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` to `path` in one step: temporary file, fsync, `os.replace`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def disk_of(path: Path) -> str:
    """Which disk `path` is on, or would be, and what is free there, for a message."""
    place = path.absolute()
    while not place.is_dir():
        place = place.parent
    free = shutil.disk_usage(place).free
    while not place.is_mount():
        place = place.parent
    return f"the disk at {place} has {free / 2**20:,.1f} MiB free"


def remove_leftovers(folder: Path) -> None:
    """Remove what writes that were killed have left in `folder`; nobody may be writing there."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Make a rename durable where the system can: not every file system syncs directories."""
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)
