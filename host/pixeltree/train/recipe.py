"""Recipes: TOML files that say which data, which network, and how to train it.

A recipe has a ``name`` and the tables ``[data]``, ``[input]``, ``[[layers]]``, ``[head]``, ``[training]``,
``[training.augmentation]``, for a tree in place of one network ``[tree]``, and for a root that
re-centres the image ``[localizer]``. Keys are the fields of the dataclasses that they become. A key that no
dataclass has is refused.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tomllib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixeltree.arguments.files import TEXT, AnyPath, as_path
from pixeltree.arguments.presets import read_preset
from pixeltree.datasets import (
    Splits,
)
from pixeltree.datasets.sources import DATA, ON_DISK, SEARCHED, Data
from pixeltree.errors import DataError, ModelError, RecipeError
from pixeltree.model.geometry import (
    ConvolutionGeometry,
    FullyConnectedGeometry,
    HeatMapGeometry,
    LayerGeometry,
    Pooling,
    Weights,
)
from pixeltree.train.augment import Augmentation
from pixeltree.train.binarize import Estimator
from pixeltree.train.devices import device_named
from pixeltree.train.specification import Input, NetworkSpecification
from pixeltree.train.tables import LocalizerTable, TreeTable
from pixeltree.train.training import TrainingSettings
from pixeltree_protocol.chip.nonidealities import TYPICAL_ERRORS, AnalogErrors, analog_errors
from pixeltree_protocol.chip.preset_file import SUFFIX
from pixeltree_protocol.names import known_names

LAYERS = {kind.kind: kind for kind in (ConvolutionGeometry, Pooling)}
"""By their names in a layer's ``type``."""

_KEYS = {
    "name": "name",
    "estimator": "estimator",
    "noise_aware": "noise_aware",
    "data": "[data]",
    "input": "[input]",
    "layers": "[[layers]]",
    "head": "[head]",
    "training": "[training]",
    "tree": "[tree]",
    "localizer": "[localizer]",
}
"""What a recipe may have, and how it is written in one."""

_NEEDED = ("name", "data", "layers", "head")
_PATHS = ("folder", "fonts")
"""Fields of data that are paths."""

HEADS = {kind.kind: kind for kind in (FullyConnectedGeometry, HeatMapGeometry)}
"""By their names in a head's ``type``."""


_NAMED = (Estimator, Weights)
"""Kinds of values that a recipe gives by their names."""


@dataclass(frozen=True)
class Recipe:
    """Everything that a training run depends on, but for the bytes of data on disk.

    Attributes:
        name: name of the model.
        data: which images.
        network: which network.
        training: how it is trained.
        noise_aware: whether sums err in training as on a typical chip; another preset, or a file that
            ``pixeltree calibrate`` wrote, stands for true.
        chip_errors: those errors.
        tree: how to grow a tree; None for one network.
        localizer: of a root that re-centres the image; None for none.
    """

    name: str
    data: Data
    network: NetworkSpecification
    training: TrainingSettings
    noise_aware: bool | str = False
    tree: TreeTable | None = None
    localizer: LocalizerTable | None = None
    chip_errors: AnalogErrors = dataclasses.field(default=TYPICAL_ERRORS, repr=False)

    def __post_init__(self) -> None:
        if self.localizer is not None:
            if not isinstance(self.data, SEARCHED) or self.data.task != "what":
                raise RecipeError('[localizer] goes before a network that tells scenes apart, task = "what"')
            if self.network.input.local_mean or self.network.input.excess:
                raise RecipeError(
                    "[localizer] needs a fixed or learned threshold; leave out input.local_mean and excess"
                )
            if self.name == "localizer":
                raise RecipeError("the root is called localizer; the recipe needs another name")
            self.localizer_recipe()
            self.classifier_recipe(self.network.input.threshold)

    def localizer_recipe(self) -> Recipe | None:
        """The training of the localizer as a recipe of its own; None if there is none."""
        if self.localizer is None or not isinstance(self.data, SEARCHED):
            return None
        table, training = self.localizer, self.training
        still = dataclasses.replace(training.augmentation, rotation=0.0, zoom=0.0, shear=0.0, shift=0.0)
        return dataclasses.replace(
            self,
            data=dataclasses.replace(self.data, task="localization"),
            network=dataclasses.replace(self.network, layers=table.layers, head=table.head),
            training=dataclasses.replace(training, epochs=table.epochs, augmentation=still, distillation=0.0),
            tree=None,
            localizer=None,
        )

    def classifier_recipe(self, threshold: int) -> Recipe:
        """The training of what is below the localizer as a recipe of its own.

        Args:
            threshold: of the captured input, which the localizer may have learned.
        """
        assert self.localizer is not None
        seen = Input(self.localizer.window, 0, threshold)
        return dataclasses.replace(
            self, network=dataclasses.replace(self.network, input=seen), localizer=None
        )

    def with_limit(self, limit: int) -> Recipe:
        """The same with at most so many images of each part of the data on disk; 0 for all.

        Raises:
            RecipeError: the data have no limit: they are generated, or come with the package.
        """
        if not isinstance(self.data, ON_DISK):
            raise RecipeError(
                "a limit is for data on disk, the sets 'idx', 'mnist' and 'folder'; "
                "of generated data, [data] says how many there are"
            )
        return dataclasses.replace(self, data=dataclasses.replace(self.data, limit=limit))

    def with_seed(self, seed: int) -> Recipe:
        """The same with another seed of the training; the data stay as they are."""
        return dataclasses.replace(self, training=dataclasses.replace(self.training, seed=seed))

    def with_folder(self, folder: AnyPath) -> Recipe:
        """The same with data from another folder.

        Raises:
            RecipeError: the data are no folder: they are generated, or come with the package.
        """
        if not isinstance(self.data, ON_DISK):
            raise RecipeError("a folder is for data on disk, the sets 'idx', 'mnist' and 'folder'")
        return dataclasses.replace(self, data=dataclasses.replace(self.data, folder=str(as_path(folder))))

    def with_device(self, device: str) -> Recipe:
        """The same, trained on another of PyTorch's devices.

        Raises:
            SpecificationError: there is no such device.
        """
        device_named(device)
        return dataclasses.replace(self, training=dataclasses.replace(self.training, device=device))

    def load_data(self) -> Splits:
        """The images.

        Raises:
            DataError: they cannot be loaded, or have another size than the network's input.
        """
        splits = self.data.load(self.network.input.size)
        splits.training.require_size(self.network.input.size, self.network.input.size)
        return splits

    def identity(self, splits: Splits) -> str:
        """What a checkpoint must have been made with: hexadecimal digest of the recipe and the images.

        Where the images lie, and a preset's file, does not count: a folder may be moved between two runs.
        """
        there = _placed(self.data, lambda _: Path())
        same = dataclasses.replace(self, data=there, noise_aware=bool(self.noise_aware))
        others = () if self.chip_errors == TYPICAL_ERRORS else (self.chip_errors,)
        return identity_of(same, splits, *others)


def identity_of(*things: object) -> str:
    """What a checkpoint must have been made with: hexadecimal digest of dataclasses and of images.

    Args:
        things: dataclasses of plain values, and splits, whose images count.
    """
    text = repr([[part.digest() for part in t] if isinstance(t, Splits) else t for t in things])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def load_recipe(path: AnyPath) -> Recipe:
    """Read a recipe. Paths in it are relative to its folder, and ``~`` at their start is the home folder.

    Raises:
        RecipeError: it cannot be read, is not TOML, lacks a table, or has a key or value that means nothing.
    """
    path = as_path(path)
    try:
        tables = tomllib.loads(path.read_text(TEXT))
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not TOML: {error}; save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error
    try:
        recipe = _recipe(tables)
        return dataclasses.replace(
            recipe,
            data=_placed(recipe.data, lambda name: path.parent / as_path(name)),
            chip_errors=_errors_of(recipe.noise_aware, path.parent),
        )
    except (RecipeError, ModelError, DataError) as error:
        raise RecipeError(f"{path}: {error}") from error


def _errors_of(noise_aware: bool | str, folder: Path) -> AnalogErrors:
    """The errors that noise-aware training expects.

    Raises:
        DataError: there is no such preset, or its file cannot be read or is none.
        RecipeError: it has no errors.
    """
    if isinstance(noise_aware, bool):
        return TYPICAL_ERRORS
    name = noise_aware
    model = read_preset(str(folder / as_path(name)) if name.endswith(SUFFIX) else name).model
    if model is None:
        raise RecipeError(f"noise_aware is {name!r}, which has no errors; leave it out, or write false")
    return analog_errors(model)


def _placed(data: Data, place: Callable[[str], Path]) -> Data:
    """Data with their paths, those that are given, changed."""
    there = [name for name in _PATHS if getattr(data, name, "")]
    changed = {name: str(place(getattr(data, name))) for name in there}
    return dataclasses.replace(data, **changed)  # type: ignore[arg-type]  # all are text


def _recipe(tables: dict[str, Any]) -> Recipe:
    _check_keys(tables)
    training = dict(tables.get("training", {}))
    ranges = _made(Augmentation, training.pop("augmentation", {}), "training.augmentation")
    estimator = _value(Estimator, tables.get("estimator", "clipped"), "estimator")
    head = _choice(HEADS, "type", tables["head"], "head")
    network = NetworkSpecification(
        _made(Input, tables.get("input", {}), "input"), _layers(tables["layers"], "layers"), head, estimator
    )
    return Recipe(
        _value(str, tables["name"], "name"),
        _choice(DATA, "set", tables["data"], "data"),
        network,
        _made(TrainingSettings, training | {"augmentation": ranges}, "training"),
        _value(bool | str, tables.get("noise_aware", False), "noise_aware"),
        _made(TreeTable, tables["tree"], "tree") if "tree" in tables else None,
        _localizer(tables["localizer"]) if "localizer" in tables else None,
    )


def _check_keys(tables: dict[str, Any]) -> None:
    """Refuse a recipe that lacks what each must have, or has what none may."""
    unknown = [name for name in tables if name not in _KEYS]
    missing = [written for name, written in _KEYS.items() if name in _NEEDED and name not in tables]
    faults = [f"it lacks {', '.join(missing)}"] if missing else []
    if unknown:
        faults.append(
            f"it has {', '.join(unknown)}, which no recipe has; {known_names(unknown[0], _KEYS.values())}"
        )
    if faults:
        raise RecipeError("; ".join(faults))


def _layers(tables: object, where: str) -> tuple[LayerGeometry, ...]:
    if not isinstance(tables, list):
        raise RecipeError(f"{where} must be a list of tables, [[{where}]]")
    return tuple(_choice(LAYERS, "type", layer, f"{where}[{index}]") for index, layer in enumerate(tables))


def _localizer(table: object) -> LocalizerTable:
    if not isinstance(table, dict):
        raise RecipeError("[localizer] must be a table")
    made = {
        "layers": list(_layers(table.get("layers"), "localizer.layers")),
        "head": _choice({HeatMapGeometry.kind: HeatMapGeometry}, "type", table.get("head"), "localizer.head"),
    }
    return typing.cast("LocalizerTable", _made(LocalizerTable, table | made, "localizer"))


def _choice(kinds: Mapping[str, type[Any]], key: str, table: object, where: str) -> Any:  # noqa: ANN401
    """One of several dataclasses, the one that ``key`` names."""
    if not isinstance(table, dict) or table.get(key) not in kinds:
        said = f"has {key} = {table[key]!r}" if isinstance(table, dict) and key in table else f"has no {key}"
        raise RecipeError(f"[{where}] {said}; it needs {key} = one of {', '.join(map(repr, kinds))}")
    return _made(kinds[table[key]], {name: v for name, v in table.items() if name != key}, where)


def _made(kind: type[Any], table: object, where: str) -> Any:  # noqa: ANN401 - one function for all dataclasses
    """A dataclass from a table whose keys are its fields."""
    if not isinstance(table, dict):
        raise RecipeError(f"[{where}] must be a table")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for name in table:
        if name not in fields:
            raise RecipeError(f"[{where}] has no {name!r}; {known_names(name, fields)}")
    for name, field in fields.items():
        if name not in table and field.default is field.default_factory is dataclasses.MISSING:
            raise RecipeError(f"[{where}] lacks {name!r}")
    values = {name: _value(hints[name], value, f"{where}.{name}") for name, value in table.items()}
    return kind(**values)


def _value(hint: Any, value: object, where: str) -> Any:  # noqa: ANN401 - checked against any type
    """A value of the type that a field wants."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if typing.get_origin(option) is tuple and isinstance(value, list):
            items = typing.get_args(option)
            if len(items) == 2 and items[1] is Ellipsis:
                items = items[:1] * len(value)
            if len(items) == len(value):
                return tuple(_value(item, part, where) for item, part in zip(items, value, strict=True))
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif option in _NAMED and isinstance(value, str) and value in list(option):
            return option(value)
        elif isinstance(option, type) and type(value) is option:
            return value
    wanted = ", ".join(map(repr, map(str, hint))) if hint in _NAMED else hint
    raise RecipeError(f"{where} is {value!r}; expected {getattr(wanted, '__name__', wanted)}")
