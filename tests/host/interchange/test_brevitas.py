"""The round trip with Brevitas itself: real digits, a few steps of training, its own export, our import."""

import importlib.util
import warnings

import numpy as np
import pytest
from tests.support.effort import chosen

from pixeltree.datasets import held_out_mnist
from pixeltree.interchange import read_onnx
from pixeltree.model import infer_many
from pixeltree.train.export import one_node

if any(
    importlib.util.find_spec(name) is None for name in ("torch", "brevitas", "onnxoptimizer", "onnxscript")
):
    pytest.skip("Brevitas is not installed: it comes with the extra test", allow_module_level=True)

import torch
from torch import nn

from pixeltree.train.threads import torch_threads


@pytest.fixture(scope="module")
def trained():
    """A network of Brevitas that has seen 300 digits, and its activations and logits on the other 100."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what Brevitas lacks to be faster
        import brevitas.nn as qnn  # noqa: PLC0415
        from brevitas.quant import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst  # noqa: PLC0415

    torch.manual_seed(0)
    act, weight = (
        {"act_quant": SignedBinaryActPerTensorConst},
        {"weight_quant": SignedBinaryWeightPerTensorConst},
    )
    network = nn.Sequential(
        qnn.QuantIdentity(**act),
        qnn.QuantConv2d(1, 8, 5, bias=False, **weight),
        nn.MaxPool2d(3),
        nn.BatchNorm2d(8),
        qnn.QuantIdentity(**act),
        nn.ConstantPad2d(1, -1.0),
        qnn.QuantConv2d(8, 8, 3, groups=8, bias=True, **weight),
        nn.BatchNorm2d(8),
        nn.Hardtanh(),
        qnn.QuantIdentity(**act),
        nn.Flatten(),
        qnn.QuantLinear(8 * 8 * 8, 10, bias=True, **weight),
    )
    with torch.no_grad():
        network[3].weight.abs_()  # after a MaxPool it must not turn round
    digits = held_out_mnist(size=28)
    images = torch.from_numpy(digits.images).float()[:, None] / 127.5 - 1
    targets = torch.from_numpy(digits.targets)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    with torch_threads(1):  # on a busy machine, threads that wait for each other cost tenfold
        for batch in torch.arange(300).repeat(3).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), targets[batch]).backward()
            optimizer.step()
    network.eval()
    with torch_threads(1), torch.no_grad():
        activations = [network[:10](images), network(images)]
    return network, [each.numpy() for each in activations], digits


@pytest.mark.parametrize("way", chosen(["torchscript", "dynamo"], (0,)))
def test_an_export_of_brevitas_decides_as_brevitas_does_on_real_digits(trained, way, tmp_path):
    network, (last, logits), digits = trained
    options = (
        {"dynamo": False} if way == "torchscript" else {"dynamo": True, "optimize": True, "verbose": False}
    )
    path = tmp_path / "digits.onnx"
    with warnings.catch_warnings(), torch_threads(1):
        warnings.simplefilter("ignore")  # Brevitas and the exporters of PyTorch warn of their own old parts
        from brevitas.export import export_qonnx  # noqa: PLC0415

        export_qonnx(network, torch.zeros(1, 1, 28, 28), str(path), **options)
    found = read_onnx(path, black=-1, white=1)
    assert not found.near
    bits = np.array([found.model.input.binarize(image) for image in digits.images])
    ours = infer_many(found.model, bits)
    assert np.array_equal(ours.activations[-1], last > 0)
    assert np.array_equal(ours.logits.argmax(axis=1), logits.argmax(axis=1))
    assert (ours.logits.argmax(axis=1) == digits.targets)[300:].mean() > 0.5
    one_node("digits", digits.classes, found.model)
