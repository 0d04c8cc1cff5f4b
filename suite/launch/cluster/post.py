"""Where the tasks of a sweep leave what is new, until the sweep takes it.

It is an actor on the sweep's machine, so that what was left there outlives the machine that ran
the job: a job that Ray starts again elsewhere goes on from it.
"""

from dataclasses import dataclass

from suite.launch.cluster.errand import News


@dataclass
class Kept:
    """What an errand's tasks have left by now."""

    trainings: bytes | None = None
    records: tuple[bytes, ...] = ()


class Post:
    """News on their way to the sweep, and whether it asks all to stop."""

    def __init__(self) -> None:
        self._news: list[News] = []
        self._kept: dict[int, Kept] = {}
        self._stopping = False

    def begin(self, news: News) -> Kept:
        """Tell that a task begins with its errand; what others before it have left."""
        self._news.append(news)
        return self._kept.setdefault(news.number, Kept())

    def tell(self, news: News) -> bool:
        """Leave `news`; whether the job is to checkpoint and leave."""
        kept = self._kept.setdefault(news.number, Kept())
        kept.trainings = news.trainings or kept.trainings
        kept.records += news.records
        self._news.append(news)
        return self._stopping

    def take(self) -> list[News]:
        """All news that were left since, in order."""
        news, self._news = self._news, []
        return news

    def forget(self, number: int) -> None:
        """The errand is over."""
        self._kept.pop(number, None)

    def stop(self) -> None:
        """From now on ask every job to leave."""
        self._stopping = True
