"""Small synthetic copies of mini-ImageNet, in every form: 3 + 2 + 2 classes of 4 images."""

import csv
import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from suite.data.miniimagenet.split import RAVI_LAROCHELLE, Expected

N_IMAGES = 4
EXPECTED = Expected(
    parts={
        part: RAVI_LAROCHELLE.parts[part][:count]
        for part, count in (("train", 3), ("val", 2), ("test", 2))
    },
    n_images=N_IMAGES,
)
NUMBERS = (2, 3, 5, 6)  # which of a class's images in ILSVRC are in mini-ImageNet


def jpeg(seed: str, *, size: tuple[int, int] = (84, 84), mode: str = "RGB") -> bytes:
    """A JPEG of smooth random colours that follow from `seed`."""
    coarse = np.random.default_rng(list(seed.encode())).integers(0, 256, (6, 6, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(size).convert(mode).save(buffer, "JPEG")
    return buffer.getvalue()


def pixels(data: bytes) -> npt.NDArray[np.uint8]:
    """(channel, height, width)"""
    with Image.open(io.BytesIO(data)) as image:
        squashed = image.convert("RGB").resize((84, 84), Image.Resampling.LANCZOS)
    return np.asarray(squashed).transpose(2, 0, 1)


def names(label: str) -> list[str]:
    """The file names of a class, as in the csv files."""
    return [f"{label}{number:08}.jpg" for number in NUMBERS]


def write_csvs(place: Path) -> None:
    for part, labels in EXPECTED.parts.items():
        with (place / f"{part}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("filename", "label"))
            writer.writerows((name, label) for label in labels for name in reversed(names(label)))


def make_flat(place: Path) -> Path:
    """images/*.jpg and the csv files."""
    (place / "images").mkdir(parents=True)
    write_csvs(place)
    for label in EXPECTED.classes:
        for name in names(label):
            (place / "images" / name).write_bytes(jpeg(name))
    return place


def make_folders(place: Path) -> Path:
    """A folder a class, with the litter that copies come with."""
    for part, labels in EXPECTED.parts.items():
        for label in labels:
            directory = place / part / label
            directory.mkdir(parents=True)
            for name in names(label):
                (directory / name).write_bytes(jpeg(name))
            (directory / "._litter.jpg").write_bytes(b"litter")
            (directory / "Thumbs.db").write_bytes(b"litter")
    return place


def make_pickles(place: Path, *, protocol: int = 2) -> Path:
    """The three pickles."""
    place.mkdir(parents=True)
    for part in EXPECTED.parts:
        path = place / f"mini-imagenet-cache-{part}.pkl"
        path.write_bytes(pickle.dumps(content(part), protocol=protocol))
    return place


def content(part: str) -> dict[str, Any]:
    """What one pickle holds: classes interleaved, as no file has them in order for certain."""
    labels = EXPECTED.parts[part]
    rows = [(label, names(label)[index]) for index in range(N_IMAGES) for label in labels]
    images = np.stack([pixels(jpeg(name)).transpose(1, 2, 0) for _, name in rows])
    places = {
        label: [index for index, row in enumerate(rows) if row[0] == label] for label in labels
    }
    return {"image_data": images, "class_dict": places}


def ilsvrc_images(label: str) -> dict[str, bytes]:
    """All images of a class, of which the numbers do not sort as text; one is grey."""
    files = {}
    for index, number in enumerate((7, 22, 100, 101, 1000, 2000), start=1):
        mode = "L" if index == 3 else "RGB"
        image = jpeg(f"{label} {index}", size=(120, 70), mode=mode)
        files[f"{label}_{number}.JPEG"] = image
    return files


def make_ilsvrc(place: Path, *, tars: bool) -> Path:
    """The classes of ILSVRC-2012 and more, as folders or tars, with the csv files."""
    (place / "train").mkdir(parents=True)
    write_csvs(place)
    for label in (*EXPECTED.classes, "n99999999"):
        if tars:
            with tarfile.open(place / "train" / f"{label}.tar", "w") as archive:
                for name, data in ilsvrc_images(label).items():
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
        else:
            (place / "train" / label).mkdir()
            for name, data in ilsvrc_images(label).items():
                (place / "train" / label / name).write_bytes(data)
    return place
