"""What every configuration section shares.

Modules of sections do not postpone their annotations: pydantic would compile each of the texts at every start.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Modality = Literal["images", "points", "features"]
"""What samples are."""
IMAGES: Literal["images"] = "images"
POINTS: Literal["points"] = "points"
FEATURES: Literal["features"] = "features"


class Section(BaseModel):
    """A frozen section of the configuration: unknown keys are errors, defaults are validated."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        # They make a quarter of what `hmlc check` takes to start; `docs/reference.py` alone turns them on.
        use_attribute_docstrings=False,
        # Built at first use: most commands validate one class, which builds its parts along with itself.
        defer_build=True,
        serialize_by_alias=True,
    )

    NEEDS: ClassVar[tuple[str, ...]] = ()
    """Packages that have to be installed for it and are not with this one; each is an extra of the same name."""

    @classmethod
    def other_defaults(cls, values: Mapping[str, Any]) -> Mapping[str, type["Section"]]:
        """The classes, by key, of sections that are missing or without a kind, where other values make it another than
        the key's own default."""
        return {}
