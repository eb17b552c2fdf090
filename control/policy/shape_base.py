"""What every shape of the language is: a mapping with known keys and no others."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
