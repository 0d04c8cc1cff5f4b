"""What data sets are downloaded from: where the files lie, and how a whole one is known."""

from dataclasses import dataclass

_DEPOSIT = "https://zenodo.org/record/7978538"
_REPOSITORY = "https://github.com/brendenlake/omniglot"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file. It is read as it is, so nothing is unpacked."""

    name: str
    """What it is called in the cache, where the reader of its data set looks for it."""
    urls: tuple[str, ...]
    """Mirrors, in the order in which they are tried."""
    size: int  # bytes
    checksum: str
    """ALGORITHM:HEX, of all bytes; md5 where whoever publishes the file gives no sha256."""


@dataclass(frozen=True, kw_only=True)
class Download:
    """All files of a data set, and the page on which a person finds them."""

    page: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def _of_omniglot(part: str, size: int, sha256: str) -> RemoteFile:
    mirrors = (
        "https://raw.githubusercontent.com/brendenlake/omniglot/master/python",
        f"{_REPOSITORY}/raw/master/python",
    )
    return RemoteFile(
        name=f"{part}.zip",
        urls=tuple(f"{mirror}/{part}.zip" for mirror in mirrors),
        size=size,
        checksum=f"sha256:{sha256}",
    )


def _of_mini_imagenet(part: str, size: int, md5: str) -> RemoteFile:
    name = f"mini-imagenet-cache-{part}.pkl"
    url = f"{_DEPOSIT}/files/{name}"
    return RemoteFile(name=name, urls=(url,), size=size, checksum=f"md5:{md5}")


# Sizes and sha256 are those that TensorFlow Datasets lists (url_checksums/omniglot.txt).
OMNIGLOT = Download(
    page=f"{_REPOSITORY}/tree/master/python",
    files=(
        _of_omniglot(
            "images_background",
            9_464_212,
            "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
        ),
        _of_omniglot(
            "images_evaluation",
            6_462_886,
            "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
        ),
    ),
)

# The deposit that learn2learn's mini_imagenet.py downloads from; sizes and md5 are its own list's.
MINI_IMAGENET = Download(
    page=_DEPOSIT,
    files=(
        _of_mini_imagenet("train", 1_145_461_190, "ee4e80dc7b716f3ceec891d199b5277a"),
        _of_mini_imagenet("validation", 292_661_258, "c1145a80890b88d54a67d6e0022d53a5"),
        _of_mini_imagenet("test", 353_647_539, "389b6c59d348b2e1ae9610f00a5e6724"),
    ),
)
