"""`suite picture`."""

import logging
import os
import sys
from pathlib import Path

from suite.cli.progress import over
from suite.cli.reading import Picture
from suite.cli.registries import registry_at
from suite.errors import UsageError
from suite.files import atomic_path
from suite.registry.find import find_record, home_of
from suite.settings import SETTINGS

_DRAWN = (".png", ".svg", ".pdf")


def picture_command(options: Picture) -> int:
    """See `Picture`; the exit code."""
    if options.run in SETTINGS:
        _draw_tasks(options.run, options.target, options.data)
    else:
        _draw_run(options.run, options.target, options.results)
    print(f"wrote {options.target}")
    return 0


def _draw_tasks(setting_id: str, target: Path, data: Path | None) -> None:
    """Write the first test tasks of seed 0 of a setting of images, as a PNG."""
    from suite.data.images import load_image_data
    from suite.data.mosaic import write_tasks

    setting = SETTINGS[setting_id]
    if setting.problem != "classification":
        raise UsageError(f"{setting_id} has no images to draw; its figures: suite report")
    if target.suffix != ".png":
        raise UsageError(f"{target} does not end in .png, as a picture of tasks must")
    images = load_image_data(setting.config.dataset, root=data, progress=over)
    try:
        with atomic_path(target) as path:
            write_tasks(setting, images, path)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error


def _draw_run(wanted: str, target: Path, results: Path) -> None:
    """Write what the policy of a record does on test goals."""
    if target.suffix not in _DRAWN:
        raise UsageError(f"{target} does not end in any of: {', '.join(_DRAWN)}")
    registry = registry_at(results, needed=False)
    record = find_record(registry, wanted)
    if sys.platform == "linux" and "DISPLAY" not in os.environ:
        os.environ.setdefault("MUJOCO_GL", "egl")
    # It tells, at every start, of an accelerator that is not needed.
    logging.getLogger("OpenGL").setLevel(logging.ERROR)
    from suite.report.figures.style import styled
    from suite.run.pictures import draw_policy

    with styled(plots=False):
        figure = draw_policy(record, home_of(registry, wanted))
        try:
            with atomic_path(target) as path:
                figure.savefig(path, format=target.suffix[1:])
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}") from error
