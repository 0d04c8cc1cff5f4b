"""`suite pack` and `suite unpack`."""

from collections.abc import Sequence
from pathlib import Path

from suite.cli.travelling import Pack, Unpack
from suite.errors import UsageError
from suite.files import expanded
from suite.outer.snapshot import Training
from suite.registry import Registry
from suite.run.packs.archive import opened_pack, write_pack
from suite.run.packs.selection import selected
from suite.run.packs.trainings import Saved, locked, saved_in, take, unpacked
from suite.run.packs.unfinished import FOLDER, MOST_BYTES, done, packs_in, put
from suite.run.resume import trainings_folder

_ENDING = ".pack"
_LONG_SECONDS = 600.0
_STANDS = {
    "as far": "stands already as far: left as it is",
    "further": "stands already further: left as it is",
}


def pack_command(options: Pack) -> int:
    """See `Pack`; the exit code."""
    if options.unfinished:
        _pack_unfinished(options.names, options.results)
    elif options.names:
        _pack_trainings(expanded(options.names[0]), options.names[1:], options.results)
    else:
        raise UsageError("name a FILE.pack, or give --unfinished; see: suite pack --help")
    return 0


def _pack_trainings(target: Path, wanted: Sequence[str], results: Path) -> None:
    """Write them into the file `target`."""
    if target.suffix != _ENDING:
        raise UsageError(f"{target} does not end in {_ENDING}: name the file first, then the runs")
    root = trainings_folder()
    names = selected(wanted, _trainings(root), Registry(results))
    if not names:
        raise UsageError(f"no training lies in {root}; make one with: suite run SETTING METHOD")
    chosen = map(_shown, saved_in(root, names))
    size = write_pack(target, ((each.entry, each.files) for each in chosen))
    print(
        f"wrote {target}: {_counted(len(names))}, {size / 1e6:.1f} MB; take them in with: "
        f"suite unpack {target}"
    )


def _pack_unfinished(wanted: Sequence[str], results: Path) -> None:
    """Write them beside the records, and remove those that are finished."""
    registry = Registry(results)
    for each in done(packs_in(results), registry.records()):
        each.path.unlink()
        print(f"removed {each.path}: a record of it stands")
    root = trainings_folder()
    names = selected(wanted, _trainings(root), registry)
    found = saved_in(root, names)
    left = [each for each in found if not each.finished and (wanted or _is_long(each))]
    for path, saved in put(results, left):
        print(f"{saved} -> {path}")
    packs = list(packs_in(results))
    size = sum(each.path.stat().st_size for each in packs)
    print(
        f"{results / FOLDER}: {_counted(len(packs))}, {size / 1e6:.1f} of {MOST_BYTES / 1e6:.0f} MB"
    )


def unpack_command(options: Unpack) -> int:
    """See `Unpack`; the exit code."""
    root = trainings_folder()
    busy: list[UsageError] = []
    with opened_pack(options.source) as pack:
        # All are looked at before anything is written.
        for entry in pack.entries:
            unpacked(pack, entry)
        for entry in pack.entries:
            saved = unpacked(pack, entry)
            folder = root / entry.training
            try:
                with locked(folder, saved.training):
                    taken = take(saved, folder)
            except UsageError as error:
                busy.append(error)
                print(f"{saved}: {error}")
                continue
            print(f"{saved}: {_STANDS.get(taken, f'taken into {folder}')}")
    if busy:
        raise UsageError(f"{len(busy)} of {len(pack.entries)} trainings were not taken: {busy[0]}")
    return 0


def _trainings(root: Path) -> list[Training]:
    return [each.training for each in saved_in(root)]


def _shown(saved: Saved) -> Saved:
    print(f"{saved}: {sum(map(len, saved.files.values())) / 1e6:.2f} MB")
    return saved


def _counted(trainings: int) -> str:
    return f"{trainings} training{'' if trainings == 1 else 's'}"


def _is_long(saved: Saved) -> bool:
    return saved.snapshot.history.seconds >= _LONG_SECONDS
