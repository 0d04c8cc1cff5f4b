"""Regression and classification: how their runs are trained and scored."""

from collections.abc import Hashable, Sequence

from baselines import FewShotMethod
from suite.data.images import ImageData
from suite.data.source import task_source
from suite.inner.learner import Learner
from suite.inner.trials import Trials
from suite.models import Params
from suite.outer.snapshot import Snapshot
from suite.outer.state import TrainingState, stack
from suite.registry.schema import DataFacts, SplitFacts
from suite.rng import stream_key
from suite.run import record as results
from suite.run.domain import Scored
from suite.run.evaluate import Watch, evaluate
from suite.run.partial import Kept
from suite.run.request import Request
from suite.run.train import Hooks, train
from suite.settings import Protocol


class Supervised:
    """A `suite.run.domain.Domain`. `trainer` is the method that trains, `method` the one scored."""

    def __init__(
        self,
        request: Request,
        method: FewShotMethod,
        trainer: FewShotMethod,
        images: ImageData | None,
    ) -> None:
        for protocol in request.protocols:
            method.check_protocol(request.config, protocol)
        self._request, self._method, self._trainer = request, method, trainer
        config = request.config
        self._training = trainer.shared_config(config) or config
        self._source = task_source(config, request.seeds, request.device, images)
        self._lessons = task_source(self._training, request.seeds, request.device, images)
        self.network = trainer.network(config, self._source.train_classes)
        self._selections: dict[tuple[int, str, Hashable], dict[str, float]] = {}

    def facts(self, index: int) -> DataFacts:
        source, split = self._source, self._source.splits[index]
        return DataFacts(
            name=source.name,
            fingerprint=source.fingerprint,
            split=None
            if split is None
            else SplitFacts(
                seed=split.seed,
                counts=(len(split.train), len(split.validation), len(split.test)),
                sha256=split.sha256,
            ),
            warnings=source.warnings,
        )

    def state(self, snapshots: Sequence[Snapshot]) -> TrainingState:
        return stack(snapshots, self._training, self._request.device, self._trainer.optimizer)

    def train(self, indices: Sequence[int], state: TrainingState, hooks: Hooks) -> None:
        lessons, request = self._lessons.stream, self._request
        streams = (lessons(self._trainer.stream, indices), lessons("validation", indices))
        learner = Learner(config=self._training, network=self.network, params=state.params)
        train(self._trainer, learner, request.schedule, streams, state, hooks, request.engine)

    def score(self, index: int, params: Params, protocol: Protocol, watch: Watch) -> Scored:
        seed = self._request.seeds[index]
        learner = Learner(
            config=protocol.at_test(self._request.config),
            network=self.network,
            params=params,
            query_norm=protocol.batch_norm,
            key=stream_key(seed, "fresh head"),
            pause=watch.pause,
        )
        test = self._source.stream("test", [index], protocol.n_way)
        selected = self._selected(index, learner, protocol, watch)
        return Scored(
            scores=evaluate(self._method, learner, test, protocol, selected, watch),
            selected=selected,
            examples=results.examples(self._method, learner, test, protocol, selected),
        )

    def _selected(
        self, index: int, learner: Learner, protocol: Protocol, watch: Watch
    ) -> dict[str, float]:
        """The values that the method selects for the weights of `protocol`; it selects once."""
        kept = watch.partial.kept() if watch.partial else Kept()
        if kept.selected is not None:
            return kept.selected
        which = (index, protocol.checkpoint, self._method.selection(protocol))
        if which not in self._selections:
            validation = self._source.stream("validation", [index], protocol.n_way)
            done = list(kept.trials)
            with watch.keeping(lambda: Kept(trials=done)) as pause:
                trials = Trials(done=done, pause=pause)
                selected = self._method.select(learner, validation, protocol, trials)
            self._selections[which] = selected
        return self._selections[which]
