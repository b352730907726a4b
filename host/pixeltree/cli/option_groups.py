"""Options that belong together: the fields of a class, which a command takes as one argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer reads it: the fields of a dataclass stand for the parameter that has this type.

    Every field is an option and has a default. So options that several commands share are written once, and
    a command with many options has few parameters.
    """
    parameters = _parameters(command)
    kinds = {name: each.annotation for name, each in parameters.items()}
    groups = {name: kind for name, kind in kinds.items() if isinstance(kind, type) and is_dataclass(kind)}
    fields = {name: _parameters(group) for name, group in groups.items()}

    @wraps(command)
    def flat(**given: Any) -> None:  # noqa: ANN401 - as many types as there are options
        command(
            **{
                name: group(**{each: given.pop(each) for each in fields[name] if each in given})
                for name, group in groups.items()
            },
            **given,
        )

    options = [
        option.replace(kind=Parameter.KEYWORD_ONLY)
        for name, parameter in parameters.items()
        for option in fields.get(name, {name: parameter}).values()
    ]
    flat.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    return flat


def _parameters(called: Callable[..., Any]) -> Mapping[str, Parameter]:
    return inspect.signature(called, eval_str=True).parameters
