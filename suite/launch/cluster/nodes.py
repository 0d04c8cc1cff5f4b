"""Which machines of the cluster may run jobs: those that were examined and are like the sweep's."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from suite.data.sent import sent_data
from suite.errors import MachineError, one_line
from suite.launch.child import Relay
from suite.launch.cluster.capacity import Resources
from suite.launch.cluster.code import Facts, differences
from suite.launch.cluster.task import Report, examine, take_data

_LOOK_SECONDS = 2.0
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 300.0
"""For the examination of the first machines: some have to decode a data set."""
_ALONE_SECONDS = 60.0
"""How long a sweep waits for another machine once the last is lost."""


@dataclass(frozen=True)
class Machine:
    """One that may run jobs."""

    name: str
    resources: Resources
    report: Report


class Nodes:
    """The machines of the cluster. Those that join later are examined too."""

    def __init__(
        self,
        facts: Facts,
        fingerprints: Mapping[str, str],
        root: Path | None,
        relay: Relay,
        *,
        allow_versions: bool,
    ) -> None:
        """`facts` are the sweep's own, `root` is where it has its data sets.

        What becomes of a machine is told to `relay`.
        """
        self._facts, self._fingerprints, self._root = facts, dict(fingerprints), root
        self.relay, self._allow = relay, allow_versions
        self._names: dict[str, str] = {}
        self._unlike: dict[str, tuple[str, ...]] = {}
        self._alive: dict[str, Resources] = {}
        self._asked: dict[Any, str] = {}
        """The examinations under way."""
        self._sent: dict[Any, tuple[str, Report]] = {}
        """Data sets on their way, with the report of who lacks them."""
        self._data: dict[str, Any] = {}
        """Data sets in the object store, by name."""
        self.fit: dict[str, Machine] = {}
        """Those that may run jobs, by Ray's name for them."""
        self._looked = 0.0
        self._seen_fit: float | None = None

    def wait(self, stop: Callable[[], str | None]) -> None:
        """Return once every machine that is there now was examined, or `stop` gives a reason.

        Raises `MachineError` where none may run anything.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        self.look(at_once=True)
        while (self._asked or self._sent) and time.monotonic() < until and not stop():
            time.sleep(_POLL_SECONDS)
            self.look()
        if not self.fit and not stop():
            raise MachineError("no machine of the cluster can run the sweep's jobs: see above")

    def unlike(self, name: str) -> tuple[str, ...]:
        """In what a machine that was taken is not as the sweep's."""
        return self._unlike.get(name, ())

    def look(self, *, at_once: bool = False) -> None:
        """Take note of who came, who went, and who was examined.

        Raises `MachineError` where the last of them is lost and no other comes.
        """
        now = time.monotonic()
        if at_once or now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._count()
            if self.fit:
                self._seen_fit = now
            elif self._seen_fit is not None and now - self._seen_fit > _ALONE_SECONDS:
                raise MachineError(
                    "no machine of the cluster is left that can run jobs; give the same command "
                    "again, which goes on"
                )
        for ref in _ready(self._asked):
            self._judge(ref, self._asked.pop(ref))
        for ref in _ready(self._sent):
            self._judge_sent(ref, *self._sent.pop(ref))

    def _count(self) -> None:
        nodes = {each["NodeID"]: each for each in ray.nodes() if each["Alive"]}
        self._alive = {name: each["Resources"] for name, each in nodes.items()}
        for name, each in nodes.items():
            if name not in self._names:
                self._names[name] = f"{each['NodeManagerHostname']} ({name[:8]})"
                gpu = each["Resources"].get("GPU", 0.0) > 0.0
                asked = _on(name, examine).remote(self._fingerprints, self._root, gpu=gpu)
                self._asked[asked] = name
        for name in self.fit.keys() - nodes.keys():
            self.relay(f"{self.fit.pop(name).name} is lost; what it ran goes on elsewhere")

    def _judge(self, ref: Any, name: str) -> None:
        try:
            report: Report = ray.get(ref)
        except RayError as error:
            self._leave_out(name, f"cannot be examined: {_brief(error)}")
            return
        unlike = differences(self._facts, report.facts)
        if report.problem is not None:
            self._leave_out(name, f"has {report.problem}")
        elif unlike and not self._allow:
            self._leave_out(name, f"has {'; '.join(unlike)} (--allow-versions takes it as it is)")
        elif report.lacking:
            self._send(name, report)
        else:
            self._take(name, report)

    def _send(self, name: str, report: Report) -> None:
        """Send the data sets that a machine lacks; each is in the object store once."""
        each, *_ = report.lacking
        if each not in self._data:
            self._data[each] = ray.put(sent_data(each, self._fingerprints[each]))
        self.relay(f"{self._names[name]} has no {each}: it is sent there")
        self._sent[_on(name, take_data).remote(self._data[each])] = name, report

    def _judge_sent(self, ref: Any, name: str, report: Report) -> None:
        try:
            problem: str | None = ray.get(ref)
        except RayError as error:
            problem = _brief(error)
        if problem is not None:
            self._leave_out(name, f"cannot be sent {report.lacking[0]}: {problem}")
            return
        left = replace(report, lacking=report.lacking[1:])
        if left.lacking:
            self._send(name, left)
        else:
            self._take(name, left)

    def _take(self, name: str, report: Report) -> None:
        if name in self._alive:
            self._unlike[name] = unlike = differences(self._facts, report.facts)
            if unlike:
                self.relay(f"{self._names[name]} has {'; '.join(unlike)}: its records say so")
            self.fit[name] = Machine(self._names[name], self._alive[name], report)

    def _leave_out(self, name: str, why: str) -> None:
        self.relay(one_line(f"{self._names[name]} is left out: it {why}"))


def _on(name: str, function: Callable[..., object]) -> Any:
    """The function, to be called on the machine of that name, however busy it is."""
    there = NodeAffinitySchedulingStrategy(name, soft=False)
    remote: Any = ray.remote(function)
    return remote.options(num_cpus=0, max_retries=0, scheduling_strategy=there)


def _ready(refs: Collection[Any]) -> list[Any]:
    if not refs:
        return []
    found: list[Any] = ray.wait([*refs], num_returns=len(refs), timeout=0)[0]
    return found


def _brief(error: RayError) -> str:
    """The last line of an error, in which a task's own stands."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
