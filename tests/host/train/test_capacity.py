"""What a node holds: the finest head that fits, counted in bytes."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torch")

from pixeltree.errors import (
    CompileError,
    ModelError,
    SpecificationError,
)
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, Pooling
from pixeltree.train.capacity import Capacity, best_fit, choices, most_outcomes, require_fit, segment_bytes
from pixeltree.train.specification import Input, NetworkSpecification

NETWORK = NetworkSpecification(
    Input(64, margin=4, threshold=50, learned=True),
    (ConvolutionGeometry(16, 4, before=0, after=3), Pooling(16)),
    FullyConnectedGeometry(2),
)


def test_the_most_outcomes_are_those_that_fit():
    most = most_outcomes(NETWORK, Capacity(500))
    sizes = [segment_bytes(replace(NETWORK, head=FullyConnectedGeometry(most + more))) for more in (0, 1)]
    assert sizes[0] <= 500 < sizes[1]
    assert most_outcomes(NETWORK, Capacity(40)) == 0
    assert most_outcomes(NETWORK, Capacity(100_000, outcomes=7)) == 7


def test_the_finest_pooling_that_fits_is_chosen():
    candidates = choices(NETWORK, (16, 2, 8, 4))
    assert [each.layers[1].side for each in candidates] == [2, 4, 8, 16]
    sizes = [segment_bytes(best_fit(candidates, 4, Capacity(limit))) for limit in (100_000, 3000, 700)]
    assert sizes == [32 + 16 * 32 * 32 // 2 + 16, 32 + 16 * 16 * 16 // 2 + 16, 32 + 16 * 8 * 8 // 2 + 16]
    assert [len(each.layers) for each in choices(NETWORK, (2, 1))] == [1, 2]
    assert best_fit(candidates, 4, Capacity(100)) is None
    assert best_fit(candidates, 4, Capacity(100_000, outcomes=3)) is None
    with pytest.raises(SpecificationError, match="needs a pooling layer"):
        choices(
            NetworkSpecification(Input(16), (ConvolutionGeometry(2, 3),), FullyConnectedGeometry(2)), (2,)
        )


def test_the_finest_pooling_comes_first_and_of_one_side_the_most_planes():
    def found(candidates):
        return [(each.layers[1].side, each.head.planes) for each in candidates]

    candidates = choices(NETWORK, (4, 8), (1, 3, 2))
    assert found(candidates) == [(4, 3), (4, 2), (4, 1), (8, 3), (8, 2), (8, 1)]
    assert [each.head.outcomes for each in candidates] == [NETWORK.head.outcomes] * 6
    assert found(choices(replace(NETWORK, head=FullyConnectedGeometry(2, 3)), (4,))) == [(4, 1)]
    chosen = [best_fit(candidates, 4, Capacity(limit)) for limit in (7000, 5000, 3000, 1500, 700)]
    assert found(chosen) == [(4, 3), (4, 2), (4, 1), (8, 2), (8, 1)]
    assert {each.head.outcomes for each in chosen} == {4}


@pytest.mark.parametrize("planes", [1, 2, 7])
def test_a_nodes_bytes_count_every_plane(planes):
    network = replace(NETWORK, head=FullyConnectedGeometry(4, planes))
    size = segment_bytes(network)
    assert size == 32 + planes * 4 * 16 * 4 * 4 // 8 + 4 * 4
    assert Capacity(size).fits(network)
    assert not Capacity(size - 1).fits(network)
    assert most_outcomes(network, Capacity(size)) == 4
    with pytest.raises(CompileError, match=rf"the smallest needs {size:,} bytes"):
        require_fit([network], 4, Capacity(size - 1))


def test_ternary_weights_take_1_6_bits_each():
    layers = (replace(NETWORK.layers[0], weights="ternary"), NETWORK.layers[1])
    network = replace(NETWORK, layers=layers, head=FullyConnectedGeometry(4, weights="ternary"))
    assert segment_bytes(network) == -(-256 // 5) + 4 * -(-256 // 5) + 4 * 4
    assert [each.head.weights for each in choices(network, (4, 8), (3, 1))] == ["ternary"] * 2
    with pytest.raises(ModelError, match="ternary weights have 1 plane, not 2"):
        FullyConnectedGeometry(4, 2, "ternary")


def test_a_network_that_fits_no_node_may_fit_in_parts():
    """3 outcomes: each of 16 channels has 2 bytes of taps and 6 of the head; every part has 12 of biases."""
    network = replace(NETWORK, head=FullyConnectedGeometry(3))
    assert segment_bytes(network) == 16 * 8 + 12
    limits = (16 * 8 + 12, 16 * 8 + 11, 8 * 8 + 12, 8 * 8 + 11, 4 * 8 + 12, 4 * 8 + 11)
    assert [Capacity(limit, parts=4).parts_of(network) for limit in limits] == [1, 2, 2, 3, 4, None]
    assert Capacity(8 * 8 + 12).parts_of(network) is None
    assert Capacity(8 * 8 + 12, outcomes=2, parts=4).parts_of(network) is None
    assert not Capacity(8 * 8 + 11, parts=2).fits(network)
    with pytest.raises(CompileError, match="nor 2 of them together"):
        require_fit([network], 3, Capacity(25, parts=2))
    with pytest.raises(SpecificationError, match="1 part"):
        Capacity(100, parts=0)


def test_channels_that_mix_are_not_divided():
    first, pooling = NETWORK.layers
    depthwise, grouped, mixing = (ConvolutionGeometry(16, 2, groups=groups) for groups in (16, 8, 1))
    room = segment_bytes(replace(NETWORK, layers=(first, depthwise, pooling))) * 2 // 3
    for second, fits in ((depthwise, True), (grouped, False), (mixing, False)):
        network = replace(NETWORK, layers=(first, second, pooling))
        assert Capacity(segment_bytes(network)).fits(network)
        assert Capacity(room, parts=8).fits(network) == fits
