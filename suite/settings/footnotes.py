"""What stands under the tables: where paper, authors' code and this suite do not say the same."""

from dataclasses import dataclass

_META = ("maml", "fomaml")
_ON_IMAGES = ("fine-tuning", "nearest-neighbour", "pretraining")
_ON_OWN_SPLIT = (*_META, *_ON_IMAGES)
_VINYALS = ("matching-networks", "siamese-nets")


@dataclass(frozen=True)
class Footnote:
    """A note, and the rows that it is due at."""

    text: str
    methods: tuple[str, ...] = ()
    """The methods that it is about; none for all."""
    explains: tuple[str, ...] = ()
    """The values that it explains: a variant that changes one of them does not have the note."""
    on_the_paper: bool = False
    """Whether it is about the printed number, and due where nothing was run, too."""
    of_k_queries: bool = False
    """Whether it holds only where a test task has as many queries as supports."""


FOOTNOTES: dict[str, Footnote] = {
    "loss-scale": Footnote(
        "The authors' code sums the cross-entropy over a task's examples and divides by K; the "
        "inner step size has its published value only on that scale (on a mean it would be N times "
        "larger). `loss_scale` names the choice.",
        methods=_META,
        explains=("loss_scale", "inner_lr"),
    ),
    "batch-norm": Footnote(
        "Batch normalisation always uses the statistics of the batch at hand, support and query "
        "each its own, at test too, so that the scores are transductive; it has a beta, which is "
        "meta-learned and not adapted, and no gamma. `batch_norm` and `adapt_beta` name it.",
        methods=_META,
        explains=("batch_norm", "adapt_beta", "protocol.batch_norm"),
    ),
    "k-queries": Footnote(
        "A test task has K query examples a class, as in the authors' code; the paper does not say "
        "how many. The paper's interval is over 600 such tasks of one trained model.",
        methods=_ON_OWN_SPLIT,
        explains=("protocol.n_query", "protocol.tasks"),
        of_k_queries=True,
    ),
    "fresh-tasks": Footnote(
        "Training tasks are drawn afresh without end; the authors drew 200,000 beforehand and went "
        "through them several times.",
        methods=_META,
    ),
    "rotations": Footnote(
        "Each class of each task is turned by a random multiple of 90 degrees, at meta-test too, "
        "as in the authors' code; the paper calls rotations an augmentation.",
        methods=_ON_OWN_SPLIT,
        explains=("rotations",),
    ),
    "omniglot-split": Footnote(
        "The authors' split of the characters depended on the order of a directory listing and "
        "cannot be recovered. Each seed here draws its own split of 1,100 / 100 / 423 classes; the "
        "paper says 1,200 and the rest.",
        methods=(*_ON_OWN_SPLIT, "neural-statistician"),
    ),
    "omniglot-nearest": Footnote(
        "Omniglot's drawings are 1-bit images, which Pillow resizes by nearest neighbour whatever "
        "filter is asked for; so are they here.",
    ),
    "omniglot-steps": Footnote(
        "Three inner steps at test, as the paper's appendix says; the curve over steps 0 to 10 "
        "stands in the record.",
        methods=_META,
        explains=("protocol.report_step",),
    ),
    "fomaml-omniglot": Footnote(
        "The MAML paper has no first-order row for Omniglot. The number is the Reptile paper's "
        "(Nichol et al. 2018), transductive.",
        methods=("fomaml",),
        on_the_paper=True,
    ),
    "conv-mirror": Footnote(
        "The strided convolutions pad by one on each side, which is the mirror image of "
        "TensorFlow's SAME; with rotations drawn at random the two train the same model.",
        methods=_ON_OWN_SPLIT,
    ),
    "mini-split": Footnote(
        "The split is Ravi and Larochelle's 64 / 16 / 20 classes, as in the authors' code; the "
        "paper prints 64 / 12 / 24.",
    ),
    "mini-clip": Footnote(
        "Each element of the meta-gradient is clipped to [-10, 10] on the authors' loss scale; the "
        "paper does not mention it.",
        methods=_META,
        explains=("meta_grad_clip",),
    ),
    "mini-batch": Footnote(
        "The meta-batch of 5-shot is the paper's 2; the authors' usage line says 4.",
        methods=_META,
        explains=("tasks_per_batch",),
    ),
    "baselines": Footnote(
        "As Ravi and Larochelle coded it: a classifier of the training classes, four blocks of 64 "
        "filters on mini-ImageNet, Adam at 0.001 on 64 images an iteration, 30,000 iterations, no "
        "augmentation there; batch normalisation has gamma and beta, and keeps running averages "
        "that move by a tenth at every batch. One pretraining serves the three rows. Queries are "
        "scored with the running averages, each for itself. Unlike theirs, convolutions have no "
        "bias, which batch normalisation would cancel.",
        methods=_ON_IMAGES,
    ),
    "baselines-omniglot": Footnote(
        "Ravi and Larochelle have no such rows; this is their recipe with the setting's own "
        "network, and each image of pretraining is turned by a random multiple of 90 degrees.",
        methods=_ON_IMAGES,
    ),
    "fine-tuning": Footnote(
        "A fresh linear layer, the same for all episodes of a seed, and 15 full-batch gradient "
        "steps on the whole network, batch normalisation in training mode (its running averages "
        "move on too). Step size and decay are the best of a grid of 42 on 100 validation "
        "episodes, the same for all 42; Ravi and Larochelle drew others for each. After a "
        "shortened pretraining it is the best of 8 on 5 episodes.",
        methods=("fine-tuning",),
    ),
    "nearest-neighbour": Footnote(
        "The label of the one support image whose features are the most similar by cosine, in "
        "5-shot too.",
        methods=("nearest-neighbour",),
    ),
    "meta-learner-lstm": Footnote(
        "As Ravi and Larochelle coded it: one episode an iteration, 75,000 in 1-shot and 50,000 in "
        "5-shot, 12 and 8 updates on the whole support set (`--set inner_steps=5` is what their "
        "paper says of 5-shot, from memory). To the outer gradient, which is scaled to a norm of "
        "0.25 at most, an inner gradient is a constant; it is that of the mean loss divided by the "
        "number of images once more. Queries are normalised by their own statistics in training, "
        "and each for itself at test, by running averages that start anew with each task and "
        "follow its support set (`momentum`: 0.9 in 1-shot, else 0.95). Unlike theirs, "
        "convolutions have no bias, which batch normalisation would cancel. The one public port "
        "with numbers (markdtw/meta-learning-lstm-pytorch) comes to 57.8 and 58.1 in 5-shot.",
        methods=("meta-learner-lstm",),
    ),
    "neural-statistician": Footnote(
        "No code of the authors is known; one port is followed (conormdurkan), whose accuracies "
        "are not known either. Another one (ashysheya) has 95.7, 98.5, 85.6 and 95.5 percent. One "
        "model serves the four cells, trained on 32 sets of 5 images an iteration, 300 epochs of "
        "300, all drawn anew each time: a set is turned and reflected in one of eight ways, the "
        "strokes of half of the images are made thicker, and an image but the first counts in its "
        "set with a probability of a half (`keep`). A query is a set of one, of the class with the "
        "least KL(class || query); the paper leaves the direction open, and "
        "`--set direction=query-class` has the other one. Test tasks are 100, not turned, and all "
        "other images of a class are queries.",
        methods=("neural-statistician",),
        explains=("protocol.n_query", "protocol.tasks"),
    ),
    "linear-head": Footnote(
        "A row that the paper does not have: features that stay as pretrained, scaled to length "
        "1, and multinomial logistic regression with an L2 penalty (scikit-learn's C = 1) fitted "
        "to each episode.",
        methods=("pretraining",),
    ),
    "vinyals-protocol": Footnote(
        "On Vinyals et al.'s protocol: turns of a character by 90 degrees are classes, at test "
        "too, and the characters are split in the order of their folders, 1,028 for training, 172 "
        "for validation and 423 for test, the same for every seed. Embeddings have four blocks of "
        "64 filters with 2x2 max-pooling; queries are normalised by running averages, each for "
        "itself. Optimiser (Adam at 0.001), schedule, batches, queries and test tasks are this "
        "suite's: their paper does not say. `--set split=own` draws a split for each seed, as for "
        "the other methods.",
        methods=_VINYALS,
        explains=("split", "rotated_classes", "network", "hidden"),
    ),
    "siamese-nets": Footnote(
        "Our Siamese net on Vinyals' protocol: the printed row is Vinyals et al.'s own, tuned to "
        "each episode, of which nothing is said (they print 88.1 for 20-way 1-shot). Here one net "
        "serves the four cells, trained for 50,000 iterations on all pairs of 64 images, 4 of each "
        "of 16 classes, weighted L1 distance and cross-entropy, pairs of one class and of two "
        "counting alike. A query's class has the greatest mean probability over its support "
        "images. Five gradient steps tune the net to each support set, by a step size that is the "
        "best of four, 0 among them, on 100 validation episodes; the record has the scores after "
        "each step, before the first too. In 1-shot only pairs of two classes and of an image with "
        "itself are there to be tuned to.",
        methods=("siamese-nets",),
        on_the_paper=True,
    ),
    "matching-networks": Footnote(
        "A softmax over cosines, as the paper has it, without full-context embeddings, one model a "
        "cell, 30,000 iterations of 4 (5-way) or 1 (20-way) tasks with 5 queries a class. The "
        "public port that is closest to the paper's words (oscarknagg/few-shot) has 92.0, 93.2, "
        "75.6 and 77.8 by cosine and 98.3, 99.8, 92.8 and 97.8 by the squared distance, which is "
        "`similarity=l2` here; `similarity=free-query-norm` and `scale=100` are other ports'.",
        methods=("matching-networks",),
        explains=("similarity", "scale"),
    ),
    "matching-ravi": Footnote(
        "The printed row is Ravi and Larochelle's, and this is what they coded: full-context "
        "embeddings (`fce`; their numbers without are 43.40 and 51.09), five support images a "
        "class in training, so that one model serves both settings, cosines summed within a class "
        "with no softmax over images, dropout of 0.1, running averages of its own for queries and "
        "support, and two steps of Adam an episode for the weights that both share. As released, "
        "the backward LSTM's outputs go to the support images in reverse order (`aligned`), and "
        "only the attention LSTM's gradient is clipped. Convolutions have no bias, which batch "
        "normalisation would cancel.",
        methods=("matching-networks-ravi",),
    ),
    "mann": Footnote(
        "No code of the authors is known. The printed numbers are the 2nd and the 5th time that a "
        "class is shown in an episode of 50 images, 10 of each class in random order, so that "
        "5-shot has seen four labelled images; one model serves both. What is written to the "
        "memory is the key, as the paper has it (`write`); optimiser, batch and length are those "
        "of two ports, which come to 88.8 and 97.3 (snowkylin/ntm) and 89.2 and 96.9 "
        "(Leputa/MANN-meta-learning) on splits of their own. Turns of a character by 90 degrees "
        "are classes, on Vinyals et al.'s split; images are the 28x28 ones of the other methods, "
        "sampled once to 20x20, and in training turned by up to 11 degrees and shifted.",
        methods=("mann",),
    ),
    "memory-module": Footnote(
        "As the authors released it, on Vinyals et al.'s split and turns by 90 degrees as classes, "
        "at test too (released: those of the training alphabets alone). K-shot is the time that a "
        "class is shown after K others; at test the memory is told the label of each image, those "
        "that are scored too, and weights stay. One model of a way serves both shots. The paper's "
        "length of training is not known: 4,000 batches of 16 episodes are those of the released "
        "README, which has 96.0 and 99.2 then, in 5-way; in 20-way episodes have 120 images, so "
        "that each class is shown six times. Pixels are 0 to 255 with the ink dark and not scaled "
        "(`pixels`), and features are 256, which the authors named where 128 did not do in 20-way. "
        "Of 8,192 slots those are kept that can be written, and 256.",
        methods=("memory-module",),
    ),
    "context-vector": Footnote(
        "MAML whose inner loop adapts a context alone: free inputs beside the data, the same for "
        "all examples of a task, which are three channels of an image's size for images and five "
        "numbers for policies (the paper does not say how many). In the authors' first released "
        "code, for images, the inner step is of all weights; `adapts` names the choice.",
        methods=("context-vector",),
    ),
    "multi-task": Footnote(
        "The average of 500 regressors, each trained on a task of its own by 5,000 steps of Adam "
        "at 0.001, each on 100 of 1,000 points; the paper has no such details. Regularization is "
        "as strong as it can be: of 1 and 3 times the powers of ten the greatest `strength` with "
        "which the first 50 regressors of seed 0 have a mean error below the paper's 0.02 on "
        "points that they were not trained on. The step size at test is chosen on validation "
        "tasks.",
        methods=("multi-task", "multi-task-l2", "multi-task-mean"),
    ),
    "sinusoid-lr": Footnote(
        "The inner step size is the default of the authors' code, 0.001, which their published "
        "command uses; the paper prints 0.01. `--set inner_lr=0.01` runs the printed one.",
        methods=_META,
        explains=("inner_lr",),
    ),
    "sinusoid-pretraining": Footnote(
        "The test step size of pretraining and of random initialization is chosen for each number "
        "of examples on validation tasks (the paper says 'automatically tuned'); the choice "
        "stands in the record.",
        methods=("pretraining", "random-init"),
    ),
    "sinusoid-oracle": Footnote(
        "The oracle is given amplitude and phase as inputs and is not adapted.",
        methods=("oracle",),
    ),
    "rl-goals": Footnote(
        "Scored on the 40 goals of the authors' test scripts, drawn from their seeds, the same for "
        "every seed of ours; a step adapts the policy by the very trajectories that scored it, and "
        "no goal was trained on. The paper's ± is over these goals, for one trained model a curve, "
        "which its authors chose by its return in training. Where trajectories end early, a batch "
        "has more steps than the authors': each of its slots runs to the horizon at least, and its "
        "last trajectory to its end; and the divergence is the mean over tasks, not over steps.",
        explains=("protocol.version",),
    ),
    "rl-values": Footnote(
        "Step sizes, trajectories, trust region and iterations are those of the stored results; "
        "the paper's text and the scripts differ in some. From the second step on the step size at "
        "test is the first's times `later_step_share`, as in the scripts.",
    ),
    "rl-fisher": Footnote(
        "TRPO's Fisher products are exact here, where the authors took finite differences, and "
        "over some of the tasks and steps only (`fisher_tasks`, `fisher_every`), for speed; "
        "gradient, surrogate and divergence are over all.",
        explains=("fisher_tasks", "fisher_every"),
    ),
    "rl-pretraining": Footnote(
        "One policy trained by TRPO on fresh goals in every iteration, as the paper's text has it; "
        "in the published script an environment kept the first goal that it drew, and navigation "
        "was trained by Adam, with a baseline for each goal. The step size at test is the best of "
        "eight on validation goals and stands in the record.",
        methods=("pretraining",),
    ),
    "rl-random": Footnote(
        "With the step sizes of the authors' test scripts and, in navigation only, tanh units, the "
        "default there. Later steps are half the first, as the stored returns of the ant's "
        "directions show, where the script has a hundredth.",
        methods=("random-init",),
    ),
    "rl-navigation": Footnote(
        "The reward is the negative distance, as in the authors' code; the paper prints its "
        "square. The step size is the paper's 0.1. The name of the model that its authors scored "
        "says 0.5: with that (a variant) the returns after one step are the paper's, with 0.1 "
        "those after one and two.",
    ),
    "rl-bodies": Footnote(
        "rllab's dynamics and rewards (one physics step an action, velocity of the centre of mass) "
        "in MuJoCo 4, whose solver is not that of the authors' MuJoCo 1.31.",
    ),
    "rl-ant": Footnote(
        "The ant neither sees nor pays for its contact forces, which are 84 of the authors' 125 "
        "inputs and less than 0.5 of a return.",
    ),
    "glyphs": Footnote(
        "`glyphs` is this suite's stand-in for Omniglot, drawn from the fonts that matplotlib "
        "ships. The paper has no number for it.",
    ),
}
