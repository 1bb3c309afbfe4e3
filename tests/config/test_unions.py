"""Unions whose models are built when they are used."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Discriminator, Field, Tag, ValidationError

from hmlc_ray.config.base import Section
from hmlc_ray.config.unions import BY_KIND, WHEN_USED


class Circle(Section):
    kind: Literal["circle"] = "circle"
    centre: tuple[float, float] = (0.0, 0.0)


class Square(Section):
    kind: Literal["square"] = "square"
    side: float = Field(1.0, gt=0)


class Hexagon(Section):
    kind: Literal["hexagon"] = "hexagon"


class Eager(Section):
    shape: Annotated[Circle | Square, Field(discriminator="kind")]


class Lazy(Section):
    shape: Annotated[Circle | Square | Hexagon, BY_KIND]


class Chosen(Section):
    shape: Annotated[
        Annotated[Circle, WHEN_USED, Tag("round")] | Annotated[Hexagon, WHEN_USED, Tag("flat")],
        Discriminator(lambda value: "round" if isinstance(value, Circle) or "centre" in value else "flat"),
    ]


def outcome(model: type[Section], shape: Any, strict: bool, as_json: bool) -> Any:
    """The dump, or the errors with their locations; as pydantic gives them, but for the kinds that it lists."""
    import json

    try:
        if as_json:
            return model.model_validate_json(json.dumps({"shape": shape}), strict=strict).model_dump_json()
        return model.model_validate({"shape": shape}, strict=strict).model_dump()
    except ValidationError as error:
        return [(e["type"], e["loc"], e["input"]) for e in error.errors()]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "shape",
    [
        {"kind": "circle"},
        {"kind": "circle", "centre": [1, 2.5]},
        {"kind": "circle", "centre": [1]},
        {"kind": "square", "side": "2"},
        {"kind": "square", "side": 0, "colour": "red"},
        {"kind": "triangle"},
        {"side": 3},
        7,
    ],
)
def test_values_and_errors_are_those_of_a_union_that_is_built_at_once(shape: Any, strict: bool, as_json: bool) -> None:
    assert outcome(Lazy, shape, strict, as_json) == outcome(Eager, shape, strict, as_json)


def test_sections_are_taken_as_they_are_and_written_by_their_own_class() -> None:
    shape = Square(side=2)
    made = Lazy(shape=shape)
    assert made.shape is shape
    assert made.model_dump(mode="json") == {"shape": {"kind": "square", "side": 2.0}}
    assert Lazy.model_validate_json(made.model_dump_json()) == made
    with pytest.raises(ValidationError, match="union_tag_not_found"):
        Lazy(shape=Lazy.model_construct())  # type: ignore[arg-type]


def test_models_that_no_value_is_of_are_not_built() -> None:
    Chosen.model_validate({"shape": {"centre": (1, 2)}})
    Lazy.model_validate({"shape": {"kind": "square"}})
    assert not Hexagon.__pydantic_complete__
    assert Chosen.model_validate({"shape": {}}).shape == Hexagon()
