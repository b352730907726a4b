"""Recipes: what they may say, and what is said about the others."""

from __future__ import annotations

import codecs
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from pixeltree.datasets import digits
from pixeltree.datasets.sources import DigitsData
from pixeltree.errors import RecipeError
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, Pooling, Weights
from pixeltree.train.augment import Augmentation
from pixeltree.train.binarize import Estimator
from pixeltree.train.recipe import Recipe, load_recipe
from pixeltree.train.specification import Input, NetworkSpecification
from pixeltree.train.tables import TreeTable
from pixeltree.train.training import TrainingSettings
from pixeltree_protocol.chip.nonidealities import TYPICAL_ERRORS

GOOD = """
name = "small"
estimator = "smooth"
noise_aware = true
[data]
set = "digits"
seed = 3
[input]
threshold = 50
learned = true
[[layers]]
type = "convolution"
channels = 16
kernel = 4
before = 0
[[layers]]
type = "pooling"
side = 4
[head]
type = "fully connected"
outcomes = 10
[training]
epochs = 2
learning_rate = 1
[training.augmentation]
rotation = 10
"""


def read(tmp_path, text):
    (tmp_path / "r.toml").write_text(text)
    return load_recipe(tmp_path / "r.toml")


def test_a_recipe_says_everything(tmp_path):
    network = NetworkSpecification(
        Input(threshold=50, learned=True),
        (ConvolutionGeometry(16, 4, before=0), Pooling(4)),
        FullyConnectedGeometry(10),
        Estimator.SMOOTH,
    )
    training = TrainingSettings(epochs=2, learning_rate=1.0, augmentation=Augmentation(rotation=10.0))
    assert read(tmp_path, GOOD) == Recipe("small", DigitsData(seed=3), network, training, noise_aware=True)


def test_layers_and_head_may_have_ternary_weights(tmp_path):
    text = GOOD.replace('type = "convolution"', 'type = "convolution"\nweights = "ternary"')
    text = text.replace('type = "fully connected"', 'type = "fully connected"\nweights = "ternary"')
    network = read(tmp_path, text).network
    assert network.layers[0].weights is network.head.weights is Weights.TERNARY
    with pytest.raises(RecipeError, match="weights is 'ternery'; expected 'binary', 'ternary'"):
        read(tmp_path, text.replace('"ternary"', '"ternery"', 1))


def test_noise_aware_may_name_a_measured_preset_beside_the_recipe(tmp_path):
    (tmp_path / "chip.toml").write_text("[errors]\nnoise = 0.7\n")
    named = read(tmp_path, GOOD.replace("noise_aware = true", 'noise_aware = "chip.toml"'))
    usual = read(tmp_path, GOOD)
    assert (named.chip_errors.noise, usual.chip_errors) == (0.7, TYPICAL_ERRORS)
    assert named.chip_errors.gain_error == TYPICAL_ERRORS.gain_error
    with pytest.raises(RecipeError, match="noise_aware is 'ideal', which has no errors"):
        read(tmp_path, GOOD.replace("noise_aware = true", 'noise_aware = "ideal"'))
    with pytest.raises(RecipeError, match="no preset is named 'odd'"):
        read(tmp_path, GOOD.replace("noise_aware = true", 'noise_aware = "odd"'))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "small"', "", r"toml: it lacks name$"),
        ('name = "small"', 'name = "small"\nnoise = 1', "it has noise, which no recipe has; .*known: name, "),
        (
            "[head]",
            "[heads]",
            r"it lacks \[head\]; it has heads, which no recipe has; did you mean '\[head\]'\? known: ",
        ),
        ('set = "digits"', "", r"\[data\] has no set; it needs set = one of"),
        ('name = "small"', "name = 3", "name is 3; expected str"),
        ('name = "small"', "name", "is not TOML"),
        ("epochs = 2", "epochs = 2.5", r"training\.epochs is 2\.5; expected int"),
        ("epochs = 2", "epochs = true", r"training\.epochs is True"),
        (
            "epochs = 2",
            "epoch = 2",
            r"\[training\] has no 'epoch'; did you mean 'epochs'\? known: epochs, batch_size",
        ),
        ("epochs = 2", "epochs = 0", "at least 1 epoch"),
        ("rotation = 10", "zoom = 2", "zoom is 2.0"),
        ("side = 4", 'kind = "or"\nside = 4', r"\[layers\[1\]\] has no 'kind'; known: side"),
        ("side = 4", "", r"\[layers\[1\]\] lacks 'side'"),
        (
            'type = "pooling"',
            'type = "pool"',
            r"\[layers\[1\]\] has type = 'pool'; it needs type = one of 'convolution', 'pooling'",
        ),
        (
            'set = "digits"',
            'set = "letters"',
            "needs set = one of 'digits', 'mnist', 'glyphs', 'scenes', 'idx', 'folder'",
        ),
        ("outcomes = 10", "outcomes = 1", "2 to 255 outcomes"),
        ("channels = 16", "channels = 16\nstride = 8\nafter = 0\ngroups = 3", "do not divide into 3 groups"),
        (
            "side = 4",
            "side = 16\n[[layers]]\ntype='pooling'\nside=8",
            r"layer 2 \(pooling\): cells",
        ),
        ("[input]", "[[input]]", r"\[input\] must be a table"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(RecipeError, match=message) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert "r.toml" in str(caught.value)


def test_a_tree_may_have_groups_by_hand(tmp_path):
    tree = "[tree]\nsegment_bytes = 8192\npool_sides = [4, 8]\ngroups = [['a', 'c'], ['b']]\n"
    recipe = read(tmp_path, GOOD + tree)
    assert recipe.tree == TreeTable(8192, pool_sides=(4, 8), groups=(("a", "c"), ("b",)))
    assert recipe.tree.groups_of(("a", "b", "c")) == ((0, 2), (1,))
    for classes in (("a", "b"), ("a", "b", "c", "d")):
        with pytest.raises(RecipeError, match=r"must name every class and no other; look at [cd]"):
            recipe.tree.groups_of(classes)
    assert TreeTable(8192).groups_of(("a", "b")) is None


def test_planes_of_weights_are_the_heads_or_for_a_tree_to_choose_from(tmp_path):
    assert read(tmp_path, GOOD).network.head == FullyConnectedGeometry(10, planes=1)
    planes = GOOD.replace("outcomes = 10", "outcomes = 10\nplanes = 3")
    assert read(tmp_path, planes).network.head == FullyConnectedGeometry(10, planes=3)
    with pytest.raises(RecipeError, match="1 to 7 planes, not 8"):
        read(tmp_path, planes.replace("planes = 3", "planes = 8"))
    tree = GOOD + "[tree]\nsegment_bytes = 8192\nweight_planes = "
    assert read(tmp_path, tree + "[2, 1]").tree == TreeTable(8192, weight_planes=(2, 1))
    assert TreeTable(8192).weight_planes == (1,)
    for value, message in (
        ("[1, 0]", r"\[tree\] weight_planes is \[1, 0\]; it lists numbers of planes, 1 to 7"),
        ("[8]", "1 to 7"),
        ("[]", "1 to 7"),
        ("2", "weight_planes is 2; expected"),
        ("['two']", "weight_planes"),
    ):
        with pytest.raises(RecipeError, match=message):
            read(tmp_path, tree + value)


def test_a_routers_outcomes_are_a_number_that_a_node_may_have(tmp_path):
    tree = GOOD + "[tree]\nsegment_bytes = 8192\nrouter_outcomes = "
    assert read(tmp_path, tree + "20").tree == TreeTable(8192, router_outcomes=20)
    for outcomes in ("-1", "1", "256"):
        with pytest.raises(RecipeError, match=rf"router_outcomes is {outcomes}; it is 0, or 2 to 255"):
            read(tmp_path, tree + outcomes)


def test_a_missing_recipe_says_so(tmp_path):
    with pytest.raises(RecipeError, match=r"cannot read .*absent\.toml: No such file"):
        load_recipe(tmp_path / "absent.toml")


def test_the_identity_follows_recipe_and_images(tmp_path):
    recipe, other = read(tmp_path, GOOD), read(tmp_path, GOOD.replace("epochs = 2", "epochs = 3"))
    splits = digits()
    same = {recipe.identity(splits), read(tmp_path, GOOD).identity(digits())}
    assert len(same) == 1
    assert len(same | {other.identity(splits), recipe.identity(digits(seed=1))}) == 3


CENTRED = """
[localizer]
window = 24
epochs = 5
[[localizer.layers]]
type = "convolution"
channels = 8
kernel = 5
stride = 4
[localizer.head]
type = "heat map"
kernel = 2
"""


def test_a_localizer_learns_where_and_the_network_what_its_window_shows(tmp_path):
    scenes = GOOD.replace('set = "digits"', 'set = "scenes"\ntask = "what"\nobjects = [1, 1]')
    recipe = read(tmp_path, scenes + CENTRED)
    localizer = recipe.localizer_recipe()
    assert (localizer.data.task, localizer.data.objects, localizer.training.epochs) == (
        "localization",
        (1, 1),
        5,
    )
    assert localizer.network.input == recipe.network.input
    assert localizer.network.layers == (ConvolutionGeometry(8, 5, 4),)
    assert not localizer.training.augmentation.moves
    classifier = recipe.classifier_recipe(47)
    assert classifier.network.input == Input(24, 0, 47)
    assert (classifier.network.layers, classifier.training) == (recipe.network.layers, recipe.training)
    assert (classifier.localizer, read(tmp_path, GOOD).localizer_recipe()) == (None, None)
    for text, message in (
        (GOOD + CENTRED, "goes before a network that tells scenes apart"),
        (scenes + CENTRED.replace("24", "8"), "8 x 8"),
        (scenes.replace("learned = true", "local_mean = 2") + CENTRED, "fixed or learned threshold"),
        (scenes.replace("learned = true", "excess = 2") + CENTRED, "fixed or learned threshold"),
        (
            scenes + CENTRED.replace("heat map", "fully connected"),
            r"\[localizer\.head\] has type = 'fully connected'; it needs type = one of 'heat map'",
        ),
        (scenes + "[localizer]\nwindow = 24", "localizer.layers must be a list"),
        (scenes.replace('"small"', '"localizer"') + CENTRED, "another name"),
    ):
        with pytest.raises(RecipeError, match=message):
            read(tmp_path, text)


IN_A_FOLDER = GOOD.replace('set = "digits"', 'set = "folder"\nfolder = "{folder}"')


@pytest.mark.parametrize(
    ("written", "meant"),
    [("pictures", "R/pictures"), ("/a/b", "/a/b"), ("~/b", "HOME/b"), ("../b", "R/../b")],
)
def test_a_path_is_relative_to_its_recipe(tmp_path, monkeypatch, written, meant):
    monkeypatch.setenv("HOME", "/HOME")
    recipe = read(tmp_path, IN_A_FOLDER.format(folder=written))
    assert recipe.data.folder == meant.replace("HOME", "/HOME").replace("R", str(tmp_path))
    glyphs = read(tmp_path, GOOD.replace('set = "digits"', f'set = "glyphs"\nfonts = "{written}"'))
    assert glyphs.data.fonts == recipe.data.folder
    assert read(tmp_path, GOOD.replace('set = "digits"', 'set = "glyphs"')).data.fonts == ""


def test_a_folder_may_be_moved_between_two_runs(tmp_path):
    splits = digits()
    one, two = (read(tmp_path, IN_A_FOLDER.format(folder=name)) for name in ("one", "two"))
    assert one.identity(splits) == two.identity(splits)
    fitted = replace(one, data=replace(one.data, fit=True))
    assert fitted.identity(splits) != one.identity(splits)


def test_a_recipe_may_have_a_byte_order_mark_and_lines_of_windows(tmp_path):
    (tmp_path / "w.toml").write_bytes(codecs.BOM_UTF8 + GOOD.replace("\n", "\r\n").encode())
    assert load_recipe(tmp_path / "w.toml") == read(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD.encode("utf-16"), "r.toml is not TOML: .*save it as UTF-8"),
        (GOOD.encode()[:-5], "r.toml is not TOML"),
        (b"name = " + b"[" * 100_000, "r.toml is not TOML"),
    ],
)
def test_a_damaged_recipe_is_named(tmp_path, content, message):
    (tmp_path / "r.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        load_recipe(tmp_path / "r.toml")


def test_a_limit_is_for_data_on_disk(tmp_path):
    assert read(tmp_path, IN_A_FOLDER.format(folder="a")).with_limit(7).data.limit == 7
    with pytest.raises(RecipeError, match="a limit is for data on disk"):
        read(tmp_path, GOOD).with_limit(7)


def test_another_folder_is_for_data_on_disk_and_relative_to_where_one_is(tmp_path):
    assert read(tmp_path, IN_A_FOLDER.format(folder="a")).with_folder("b/c").data.folder == "b/c"
    with pytest.raises(RecipeError, match="a folder is for data on disk"):
        read(tmp_path, GOOD).with_folder(tmp_path)


def test_where_pytorch_computes_is_no_part_of_what_a_checkpoint_was_made_with(tmp_path):
    recipe = read(tmp_path, GOOD)
    assert recipe.training.device == "auto"
    assert repr(recipe.with_device("cpu").training) == repr(recipe.training)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[3] / "recipes").glob("*.toml")), ids=lambda p: p.stem
)
def test_a_recipe_that_ships_can_be_read(path):
    assert load_recipe(path).name
