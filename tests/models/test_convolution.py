"""Convolutions by matrix products are the grouped ones, in every derivative."""

import pytest
import torch

from suite.models.convolution import conv2d

# batch, tasks, input, output, height, width
SHAPES = ((3, 2, 2, 4, 7, 6), (2, 3, 1, 5, 28, 28), (2, 2, 3, 3, 4, 4), (1, 2, 2, 2, 2, 3))


def operands(shape, device="cpu", dtype=torch.float64):
    batch, tasks, inputs, outputs, height, width = shape
    random = torch.Generator().manual_seed(0)
    x = torch.randn((batch, tasks * inputs, height, width), generator=random, dtype=dtype)
    weight = 0.1 * torch.randn((tasks, outputs, inputs, 3, 3), generator=random, dtype=dtype)
    return x.to(device).requires_grad_(), weight.to(device).requires_grad_()


def twice_differentiated(x, weight, **how):
    y = conv2d(x, weight, **how)
    first = torch.autograd.grad(y.tanh().sum(), (x, weight), create_graph=True)
    second = torch.autograd.grad(sum(each.sin().sum() for each in first), (x, weight))
    return (y, *first, *second)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_products_are_grouped_convolutions(shape, stride):
    x, weight = operands(shape)
    grouped = twice_differentiated(x, weight, stride=stride, products=False)
    products = twice_differentiated(x, weight, stride=stride, products=True)
    for one, other in zip(grouped, products, strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("products", [False, True])
def test_finite_differences(stride, products):
    def convolve(x, weight):
        return conv2d(x, weight, stride=stride, products=products)

    assert torch.autograd.gradcheck(convolve, operands(SHAPES[2]))
    assert torch.autograd.gradgradcheck(convolve, operands(SHAPES[2]))


def test_products_are_rounded_like_convolutions():
    x, weight = operands(SHAPES[0], dtype=torch.float32)
    how = {"stride": 1, "rounded": torch.bfloat16}
    grouped = twice_differentiated(x, weight, products=False, **how)
    products = twice_differentiated(x, weight, products=True, **how)
    exact = twice_differentiated(x, weight, products=False, stride=1)
    for one, other, true in zip(grouped, products, exact, strict=True):
        assert one.dtype == other.dtype == torch.float32
        error = (one - true).norm()
        assert error > 0.0
        assert (other - true).norm() < 1.5 * error


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("products", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_gpu_convolves_as_the_cpu_does(stride, products):
    how = {"stride": stride, "products": products}
    here = twice_differentiated(*operands(SHAPES[1]), **how)
    there = twice_differentiated(*operands(SHAPES[1], device="cuda"), **how)
    for one, other in zip(here, there, strict=True):
        assert torch.allclose(one, other.cpu(), rtol=1e-10, atol=1e-10)
