"""Records whose texts would be markup, were they not escaped."""

from collections.abc import Iterator

from msgspec import structs

from suite.registry import Record
from suite.registry.schema import Failure
from tests.report.make_golden import fail, make_record

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


def hostile_records() -> Iterator[Record]:
    """One that failed, its device and commit hostile too, and a plain one beside it."""
    failed = fail(make_record("omniglot-5way-1shot", "maml", 0, level=0.9))
    failure = Failure(exception="Error", message=HOSTILE, last_lines=())
    provenance = structs.replace(failed.provenance, device=HOSTILE, git_commit=HOSTILE)
    yield structs.replace(failed, failure=failure, provenance=provenance)
    yield make_record("omniglot-5way-1shot", "maml", 1, level=0.9)
