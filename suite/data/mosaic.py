"""Tasks of images as one picture."""

from pathlib import Path

import torch

from suite.data.images import ImageData
from suite.data.source import task_source
from suite.errors import UsageError
from suite.settings import Setting

_TASKS, _ACROSS = 4, 8
_MARGIN = 2  # pixels


def write_tasks(setting: Setting, images: ImageData, path: Path) -> None:
    """Write the first test tasks of seed 0 as a PNG: a row a class, support left, query right.

    Classes of one task follow one another, and a lighter row parts it from the next. Of many
    examples the first eight are shown. Raises `UsageError` where torchvision does not fit torch.
    """
    try:
        # Imported here: beside a torch that it was not built for it fails, and all else works.
        from torchvision.utils import make_grid, save_image
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"torchvision, which lays out the picture, cannot be imported ({reason}); "
            "suite doctor says how to mend it"
        ) from error
    protocol, config = setting.protocols[0], setting.config
    stream = task_source(config, (0,), torch.device("cpu"), images).streams("test")
    batch = stream.batch(0, _TASKS, protocol.k_shot, protocol.n_query)
    parts = []
    for x, count in ((batch.support_x, protocol.k_shot), (batch.query_x, protocol.n_query)):
        by_class = x.unflatten(1, (config.n_way, count))[:, :, :_ACROSS]
        shape = by_class.shape[3:]
        gap = torch.full((_TASKS, 1, by_class.shape[2], *shape), 0.6)
        rows = torch.cat((by_class, gap), dim=1).flatten(0, 1)[:-1]
        parts.append(
            make_grid(rows.flatten(0, 1), nrow=rows.shape[1], padding=_MARGIN, pad_value=0.3)
        )
    between = torch.full((3, parts[0].shape[1], 6 * _MARGIN), 1.0)
    save_image(torch.cat((parts[0], between, parts[1]), dim=2), path, format="png")
