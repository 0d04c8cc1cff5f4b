"""Weights of others come out as ours; the foreign forms are written here from their description."""

import logging
import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from suite.errors import UsageError
from suite.models import Params, build_network
from suite.models.foreign import Layout, foreign_params
from suite.rng import generator
from suite.settings import Config, get_setting

Arrays = dict[str, np.ndarray]

HIDDEN = {
    "omniglot-5way-1shot": (6, 7, 8, 9),
    "miniimagenet-5way-1shot": (6, 7, 8, 9),
    "omniglot-5way-1shot-mlp": (9, 8, 8, 6),  # square, so that its shape does not tell a transpose
    "sinusoid": (8, 8),
}
BATCH_NORMALISED = [setting for setting in HIDDEN if setting != "sinusoid"]


def small(setting: str) -> Config:
    return msgspec.structs.replace(get_setting(setting).config, hidden=HIDDEN[setting])


MINI = small("miniimagenet-5way-1shot")


def trained(config: Config) -> Params:
    """Initial weights that have moved, so that no offset is zero."""
    noise = generator(1, "noise")
    initial = build_network(config).initial(generator(0, "initial weights"))
    return {
        name: value + 0.3 * torch.randn(value.shape, generator=noise)
        for name, value in initial.items()
    }


def in_tensorflow(name: str, array: np.ndarray, config: Config) -> np.ndarray:
    if array.ndim == 4:
        if config.network == "conv-stride":
            array = array[:, :, ::-1, ::-1]
        return np.transpose(array, (2, 3, 1, 0))
    if name == "head.weight" and config.network == "conv-pool":
        maps = array.reshape(config.n_way, config.hidden[-1], 5, 5)
        return np.transpose(maps, (2, 3, 1, 0)).reshape(-1, config.n_way)
    return array.T


def authors_name(name: str, config: Config) -> str:
    layer, kind = name.split(".")
    if layer == "head":
        return f"{'w' if kind == 'weight' else 'b'}{len(config.hidden) + 1}"
    number = int(layer[-1])
    if kind == "beta":
        return f"{number}/beta"
    return f"{'b' if kind == 'bias' else 'conv' if layer[0] == 'c' else 'w'}{number + 1}"


def exported(config: Config, family: str = "authors", layout: str = "tensorflow") -> Arrays:
    arrays = {}
    for name, value in trained(config).items():
        theirs = authors_name(name, config) if family == "authors" else name
        array = value.numpy()
        arrays[theirs] = in_tensorflow(name, array, config) if layout == "tensorflow" else array
    return arrays


def write(path: Path, arrays: Arrays) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".safetensors":
        save_file({name: torch.from_numpy(a.copy()) for name, a in arrays.items()}, path)
    else:
        torch.save({name: torch.from_numpy(a.copy()) for name, a in arrays.items()}, path)
    return path


def check_same(found: Params, expected: Params) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == torch.float32, name
        assert found[name].is_contiguous(), name
        assert found[name].shape == value.shape, name
        assert torch.equal(found[name], value), name


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".PTH", ".safetensors"])
@pytest.mark.parametrize("layout", ["torch", "tensorflow"])
@pytest.mark.parametrize("family", ["ours", "authors"])
@pytest.mark.parametrize("setting", HIDDEN)
def test_weights_come_back(
    tmp_path: Path, setting: str, family: str, layout: Layout, suffix: str
) -> None:
    config = small(setting)
    path = write(tmp_path / f"weights{suffix}", exported(config, family, layout))
    check_same(foreign_params(path, config, layout), trained(config))


@pytest.mark.parametrize(("family", "layout"), [("ours", "torch"), ("authors", "tensorflow")])
@pytest.mark.parametrize("setting", HIDDEN)
def test_the_names_tell_the_layout(tmp_path: Path, setting: str, family: str, layout: str) -> None:
    config = small(setting)
    path = write(tmp_path / "weights.npz", exported(config, family, layout))
    check_same(foreign_params(path, config), trained(config))


@pytest.mark.parametrize("spelling", ["model/{}", "{}:0", "model/{}:0"])
def test_names_as_tensorflow_writes_them(tmp_path: Path, spelling: str) -> None:
    arrays = {spelling.format(name): array for name, array in exported(MINI).items()}
    path = write(tmp_path / "weights.npz", arrays)
    check_same(foreign_params(path, MINI), trained(MINI))


def with_biases(config: Config) -> Arrays:
    """With the biases that maml.py has before batch normalisation."""
    arrays = exported(config)
    for number, units in enumerate(config.hidden, start=1):
        arrays[f"b{number}"] = np.full(units, 0.7 * number, dtype=np.float32)
    return arrays


def test_a_checkpoint_of_the_authors_convolutions(tmp_path: Path) -> None:
    names = {"b1": "Variable", "b2": "Variable_1", "b3": "Variable_2", "b4": "Variable_3"}
    arrays = {f"model/{names.get(name, name)}": a for name, a in with_biases(MINI).items()}
    check_same(foreign_params(write(tmp_path / "w.npz", arrays), MINI), trained(MINI))


@pytest.mark.parametrize("setting", ["omniglot-5way-1shot-mlp", "sinusoid"])
def test_a_checkpoint_of_the_authors_linear_layers(tmp_path: Path, setting: str) -> None:
    config = small(setting)
    arrays = with_biases(config) if setting != "sinusoid" else exported(config)
    order = [f"{kind}{n}" for n in range(1, len(config.hidden) + 2) for kind in "wb"]
    names = {name: f"Variable_{n}" if n else "Variable" for n, name in enumerate(order)}
    names |= {"1/beta": "2/beta", "2/beta": "3/beta", "3/beta": "4/beta"}
    arrays = {f"model/{names.get(name, name)}": array for name, array in arrays.items()}
    check_same(foreign_params(write(tmp_path / "w.npz", arrays), config), trained(config))


@pytest.mark.parametrize("family", ["ours", "authors"])
@pytest.mark.parametrize("setting", BATCH_NORMALISED)
def test_a_bias_before_batch_normalisation_is_told_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, setting: str, family: str
) -> None:
    config = small(setting)
    arrays, name = exported(config, family), "b2"
    if family == "ours":
        name = f"{'layer' if setting.endswith('mlp') else 'conv'}1.bias"
    arrays[name] = np.ones(config.hidden[1], dtype=np.float32)
    with caplog.at_level(logging.INFO):
        found = foreign_params(write(tmp_path / "w.npz", arrays), config, "tensorflow")
    check_same(found, trained(config))
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert f" {name} left out" in caplog.text


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_wrapped_state_dict(tmp_path: Path, key: str) -> None:
    path = tmp_path / "weights.pt"
    params = {name: torch.nn.Parameter(value) for name, value in trained(MINI).items()}
    torch.save({key: params}, path)
    found = foreign_params(path, MINI)
    check_same(found, trained(MINI))
    assert not any(value.requires_grad for value in found.values())


def test_another_wrapping_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"ema": trained(MINI)}, path)
    assert "it has the unknown names 'ema'; it lacks conv0.weight" in refused(path)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_other_floats_become_single_precision(tmp_path: Path, dtype: str) -> None:
    arrays = {name: array.astype(dtype) for name, array in exported(MINI, "ours", "torch").items()}
    expected = {name: torch.from_numpy(a.astype("float32")) for name, a in arrays.items()}
    check_same(foreign_params(write(tmp_path / "w.npz", arrays), MINI), expected)


def test_tied_weights_are_parted(tmp_path: Path) -> None:
    config = msgspec.structs.replace(MINI, hidden=(5, 5, 5, 5))
    path = tmp_path / "w.pt"
    params = trained(config)
    params["conv1.beta"] = params["conv2.beta"]
    torch.save(params, path)
    found = foreign_params(path, config)
    assert torch.equal(found["conv1.beta"], found["conv2.beta"])
    assert found["conv1.beta"].data_ptr() != found["conv2.beta"].data_ptr()


def normalised(x: Tensor, beta: Tensor) -> Tensor:
    """TensorFlow's batch_norm in training; the last axis is that of the channels."""
    over = tuple(range(x.ndim - 1))
    variance, mean = torch.var_mean(x, dim=over, correction=0)
    return (x - mean) / torch.sqrt(variance + 1e-3) + beta


def convolved(x: Tensor, kernel: Tensor, stride: int) -> Tensor:
    """TensorFlow's conv2d with padding SAME: NHWC by HWIO to NHWC."""
    size = x.shape[1]
    padding = max((-(-size // stride) - 1) * stride + 3 - size, 0)
    before = padding // 2
    x = F.pad(x.permute(0, 3, 1, 2), (before, padding - before) * 2)
    return F.conv2d(x, kernel.permute(3, 2, 0, 1), stride=stride).permute(0, 2, 3, 1)


def theirs(config: Config, arrays: Arrays, images: Tensor) -> Tensor:
    """maml.py's networks of images, (batch, height, width, channel) to (batch, class)."""
    weights = {name: torch.tensor(array).double() for name, array in arrays.items()}
    x = images.double()
    if config.network == "mlp-bn":
        x = x.reshape(len(x), -1)
    for n in range(4):
        if config.network == "mlp-bn":
            x = x @ weights[f"w{n + 1}"]
        else:
            x = convolved(x, weights[f"conv{n + 1}"], 2 if config.network == "conv-stride" else 1)
        x = normalised(x + weights[f"b{n + 1}"], weights[f"{n}/beta"]).relu()
        if config.network == "conv-pool":
            x = F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
    x = x.mean(dim=(1, 2)) if config.network == "conv-stride" else x.reshape(len(x), -1)
    return x @ weights["w5"] + weights["b5"]


def ours(config: Config, params: Params, images: Tensor) -> Tensor:
    batched = {name: value[None].double() for name, value in params.items()}
    with torch.no_grad():
        return build_network(config).forward(batched, images.double().permute(0, 3, 1, 2)[None])[0]


def foreign_arrays(config: Config, channels: int, side: int) -> Arrays:
    """Weights that nothing of ours has drawn."""
    rng = np.random.default_rng(0)
    flat = config.network == "mlp-bn"
    width, arrays = channels * side * side if flat else channels, {}
    for n, units in enumerate(config.hidden):
        shape = (width, units) if flat else (3, 3, width, units)
        arrays[f"{'w' if flat else 'conv'}{n + 1}"] = rng.normal(0, 0.3, shape)
        arrays[f"b{n + 1}"] = rng.normal(0, 1, units)
        arrays[f"{n}/beta"] = rng.normal(0, 0.5, units)
        width = units
    width *= 25 if config.network == "conv-pool" else 1
    arrays["w5"] = rng.normal(0, width**-0.5, (width, config.n_way))
    arrays["b5"] = rng.normal(0, 1, config.n_way)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


@pytest.mark.parametrize("network", ["conv-pool", "mlp-bn"])
def test_outputs_are_those_of_a_network_in_tensorflow(tmp_path: Path, network: Any) -> None:
    config = msgspec.structs.replace(MINI, network=network)
    arrays = foreign_arrays(config, channels=3, side=84)
    images = torch.rand((6, 84, 84, 3), generator=generator(0, "images"))
    params = foreign_params(write(tmp_path / "w.npz", arrays), config)
    expected = theirs(config, arrays, images)
    assert float(expected.std(dim=0).min()) > 0.05
    torch.testing.assert_close(ours(config, params, images), expected, rtol=0, atol=1e-9)


def test_strided_outputs_are_those_of_tensorflow_for_the_image_upside_down(tmp_path: Path) -> None:
    config = small("omniglot-5way-1shot")
    arrays = foreign_arrays(config, channels=1, side=28)
    images = torch.rand((6, 28, 28, 1), generator=generator(0, "images"))
    params = foreign_params(write(tmp_path / "w.npz", arrays), config)
    expected = theirs(config, arrays, images)
    turned = torch.rot90(images, 2, dims=(1, 2))
    torch.testing.assert_close(ours(config, params, turned), expected, rtol=0, atol=1e-9)
    assert not torch.allclose(ours(config, params, images), expected, rtol=0, atol=1e-2)


def refused(path: Path, config: Config = MINI, layout: Layout = "auto") -> str:
    """The one-line message of the refusal, less the path."""
    with pytest.raises(UsageError) as caught:
        foreign_params(path, config, layout)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message.replace(str(path), "FILE")


def test_a_wrong_shape_is_told_in_the_files_own_terms(tmp_path: Path) -> None:
    path = write(tmp_path / "w.npz", exported(MINI, "authors", "torch"))
    message = refused(path)
    assert "FILE: conv1 has the shape (6, 3, 3, 3) where (3, 3, 3, 6) is wanted" in message
    assert "layout tensorflow" in message
    path = write(tmp_path / "w.pt", exported(MINI) | {"w5": np.zeros((224, 5), np.float32)})
    assert "FILE: w5 has the shape (224, 5) where (225, 5) is wanted" in refused(path)
    path = write(tmp_path / "w.pt", exported(MINI, "ours", "torch"))
    other = msgspec.structs.replace(MINI, n_way=20)
    assert "head.weight has the shape (5, 225) where (20, 225) is wanted" in refused(path, other)


def test_a_dropped_bias_has_a_shape_too(tmp_path: Path) -> None:
    path = write(tmp_path / "w.npz", with_biases(MINI) | {"b3": np.zeros(7, np.float32)})
    assert "b3 has the shape (7,) where (8,) is wanted" in refused(path)


@pytest.mark.parametrize("setting", HIDDEN)
@pytest.mark.parametrize("family", ["ours", "authors"])
def test_a_missing_weight_is_named_as_the_file_would(
    tmp_path: Path, setting: str, family: str
) -> None:
    config = small(setting)
    arrays = exported(config, family)
    for name in arrays:
        if name == "1/beta" and setting.endswith("mlp"):
            continue  # without it the betas count otherwise: see the next test
        lacking = {other: array for other, array in arrays.items() if other != name}
        message = refused(write(tmp_path / "w.npz", lacking), config, "tensorflow")
        assert message == f"FILE does not fit the network {config.network}: it lacks {name}"


def test_a_missing_beta_of_the_authors_linear_layers(tmp_path: Path) -> None:
    config = small("omniglot-5way-1shot-mlp")
    arrays = exported(config)
    del arrays["1/beta"]
    message = refused(write(tmp_path / "w.npz", arrays), config)
    assert message.endswith("it lacks 4/beta")


def test_unknown_names_are_told_with_the_missing(tmp_path: Path) -> None:
    arrays = exported(MINI)
    for name in ("conv1", "conv2", "w5", "b5", "0/beta", "1/beta"):
        arrays[f"model/{name}/Adam"] = arrays[name]
    arrays["model/global\nstep"] = np.zeros((), np.int64)
    del arrays["conv3"], arrays["3/beta"]
    assert refused(write(tmp_path / "w.npz", arrays)).endswith(
        "conv-pool: it has the unknown names 'model/conv1/Adam', 'model/conv2/Adam', "
        "'model/w5/Adam', 'model/b5/Adam', 'model/0/beta/Adam' and 2 more; it lacks conv3, 3/beta"
    )


def test_five_unknown_names_are_all_told(tmp_path: Path) -> None:
    extra = {f"u{n}": np.zeros(1, np.float32) for n in range(5)}
    message = refused(write(tmp_path / "w.npz", exported(MINI) | extra))
    assert message.endswith("the unknown names 'u0', 'u1', 'u2', 'u3', 'u4'")


def test_a_weight_under_two_names(tmp_path: Path) -> None:
    arrays = exported(MINI)
    arrays["model/conv2:0"] = arrays["conv2"]
    message = refused(write(tmp_path / "w.npz", arrays))
    assert message.endswith("it has a weight more than once: conv2, model/conv2:0")


def test_names_of_both_kinds(tmp_path: Path) -> None:
    arrays = exported(MINI)
    arrays["head.bias"] = arrays.pop("b5")
    assert refused(write(tmp_path / "w.npz", arrays)).endswith(
        "the unknown names 'head.bias'; it lacks b5"
    )


def test_a_plain_network_has_no_betas(tmp_path: Path) -> None:
    config = small("sinusoid")
    arrays = exported(config) | {"0/beta": np.zeros(8, np.float32)}
    assert refused(write(tmp_path / "w.npz", arrays), config).endswith("unknown names '0/beta'")


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("name", ["conv2", "b2", "2/beta"])
def test_numbers_must_be_finite(tmp_path: Path, name: str, value: float, suffix: str) -> None:
    arrays = with_biases(MINI)
    arrays[name] = arrays[name].astype(np.float64)
    arrays[name].flat[3] = value
    path = write(tmp_path / f"w{suffix}", arrays)
    assert f"FILE: {name} is not finite" in refused(path)


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.complex64])
def test_numbers_must_be_floats(tmp_path: Path, dtype: Any, suffix: str) -> None:
    arrays = exported(MINI)
    arrays["b5"] = np.zeros(5, dtype)
    message = refused(write(tmp_path / f"w{suffix}", arrays))
    assert re.search(rf"b5 is of (torch\.)?{np.dtype(dtype).name} and not of floats", message)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (5, "of type int"),
        ({"a": torch.zeros(5)}, "of type dict"),
        (torch.zeros(5).to_sparse(), "no dense tensor"),
        (torch.zeros(5, device="meta"), "no dense tensor"),
    ],
    ids=["number", "dict", "sparse", "meta"],
)
def test_weights_must_be_tensors(tmp_path: Path, value: object, reason: str) -> None:
    path = tmp_path / "w.pt"
    torch.save(trained(MINI) | {"head.bias": value}, path)
    assert reason in refused(path)


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def array_bomb(path: Path, bomb: Bomb) -> Callable[[], object]:
    np.savez(path, **(exported(MINI) | {"b5": np.array([bomb] * 5, dtype=object)}))
    return lambda: np.load(path, allow_pickle=True)["b5"]


def torch_bomb(path: Path, bomb: Bomb) -> Callable[[], object]:
    torch.save(trained(MINI) | {"head.bias": bomb}, path)
    return lambda: torch.load(path, weights_only=False)


def pickle_bomb(path: Path, bomb: Bomb) -> Callable[[], object]:
    path.write_bytes(pickle.dumps({"head.bias": bomb}, protocol=2))
    return lambda: pickle.loads(path.read_bytes())


@pytest.mark.parametrize(
    ("name", "write_bomb"),
    [
        ("w.npz", array_bomb),
        ("w.pt", torch_bomb),
        ("w.pth", pickle_bomb),
        ("w.npz", pickle_bomb),
    ],
)
def test_no_code_of_a_file_is_run(
    tmp_path: Path, name: str, write_bomb: Callable[[Path, Bomb], Callable[[], object]]
) -> None:
    marker = tmp_path / "executed"
    detonate = write_bomb(tmp_path / name, Bomb(marker))
    message = refused(tmp_path / name)
    assert message.startswith("FILE cannot be read (")
    assert "weights_only" not in message
    assert message.endswith("from .safetensors, or from a torch state dict in .pt or .pth")
    assert not marker.exists()
    detonate()
    assert marker.exists()


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".safetensors"])
def test_a_torn_file(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"w{suffix}", exported(MINI))
    content = path.read_bytes()
    for size in (len(content) - 10, len(content) // 2, 10, 0):
        path.write_bytes(content[:size])
        assert "FILE cannot be read (" in refused(path)


@pytest.mark.parametrize(
    "content", [["a"], {3: torch.zeros(3)}, {"model": {1: 2}}, {"model": torch.zeros(3)}]
)
def test_a_torch_file_of_something_else(tmp_path: Path, content: object) -> None:
    path = tmp_path / "w.pt"
    torch.save(content, path)
    assert "it holds no tensors by name" in refused(path)


def test_a_long_reason_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        raise RuntimeError("one\ntwo " + 500 * "x")

    path = write(tmp_path / "w.pt", exported(MINI))
    monkeypatch.setattr(torch, "load", load)
    message = refused(path)
    assert "(one two xxx" in message
    assert len(message) < 400


def test_an_array_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert "a single array without a name" in refused(path)


@pytest.mark.parametrize("name", ["w.pkl", "w.npy", "w", "w.ckpt.index"])
def test_another_suffix(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(write(tmp_path / "w.npz", exported(MINI)).read_bytes())
    message = refused(path)
    assert "of no known kind: weights are read from an .npz" in message


def test_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "folder.pt").mkdir()
    for name in ("nowhere.npz", "folder.pt"):
        message = refused(tmp_path / name)
        assert message.startswith("there is no file FILE: weights are read from an .npz")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("suffix", [".npz", ".pt", ".safetensors"])
def test_what_is_no_regular_file(
    tmp_path: Path, suffix: str, make: Callable[[Path], object]
) -> None:
    make(tmp_path / f"w{suffix}")
    assert "cannot be read (not a regular file)" in refused(tmp_path / f"w{suffix}")


@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_an_archive_that_unpacks_to_much(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("conv0.weight.npy", "w", force_zip64=True) as member,
    ):
        for _ in range(300):
            member.write(bytes(2**20))
    assert "it unpacks to 314,572,800 bytes" in refused(path)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.module.", "net.", "learner.net."])
def test_a_prefix_of_all_names_is_stripped_and_told(
    tmp_path: Path, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    arrays = {f"{prefix}{n}": a for n, a in exported(MINI, "ours", "torch").items()}
    with caplog.at_level(logging.INFO):
        found = foreign_params(write(tmp_path / "w.pt", arrays), MINI)
    check_same(found, trained(MINI))
    assert f"without their prefix {prefix}" in caplog.text


def test_a_data_parallel_model_of_the_authors_names(tmp_path: Path) -> None:
    arrays = {f"module.{n}": a for n, a in exported(MINI).items()}
    check_same(foreign_params(write(tmp_path / "w.pt", arrays), MINI), trained(MINI))


def test_a_prefix_of_some_names_is_not_stripped(tmp_path: Path) -> None:
    arrays = exported(MINI, "ours", "torch")
    arrays["net.head.bias"] = arrays.pop("head.bias")
    assert "the unknown names 'net.head.bias'" in refused(write(tmp_path / "w.pt", arrays))


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_a_checkpoint_with_other_things_in_it(tmp_path: Path, key: str) -> None:
    path = tmp_path / "w.pt"
    others = {"epoch": 3, "optimizer": {"lr": 0.1}, "loss": torch.zeros(())}
    torch.save(others | {key: trained(MINI)}, path)
    check_same(foreign_params(path, MINI), trained(MINI))


def test_weights_under_two_names_of_a_checkpoint_are_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"model": trained(MINI), "state_dict": trained(MINI)}, path)
    assert "under state_dict and model: save those that you mean" in refused(path)


def test_counts_of_batches_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "w.pt"
    counts = {f"module.bn{n}.num_batches_tracked": torch.tensor(3) for n in range(2)}
    torch.save({f"module.{n}": v for n, v in trained(MINI).items()} | counts, path)
    with caplog.at_level(logging.INFO):
        check_same(foreign_params(path, MINI), trained(MINI))
    assert "2 counts of batches left out" in caplog.text


def test_running_averages_are_hinted_at(tmp_path: Path) -> None:
    averages = {"conv0.running_mean": np.zeros(6, np.float32)}
    message = refused(write(tmp_path / "w.npz", exported(MINI) | averages))
    assert "running averages of batch normalisation are not used here" in message


def test_betas_without_a_slash(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    arrays = {name.replace("/", "_"): array for name, array in exported(MINI).items()}
    with caplog.at_level(logging.INFO):
        check_same(foreign_params(write(tmp_path / "w.npz", arrays), MINI), trained(MINI))
    assert "0_beta, 1_beta, 2_beta, 3_beta taken for maml.py's N/beta" in caplog.text


def test_names_of_another_code_are_hinted_at(tmp_path: Path) -> None:
    arrays = {"features.0.weight": np.zeros(3, np.float32), "fc.bias": np.zeros(3, np.float32)}
    assert "rename to conv0.weight" in refused(write(tmp_path / "w.npz", arrays))
