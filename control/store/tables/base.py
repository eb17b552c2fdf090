"""What every table is made of: names, and how Python's types are kept."""

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase
from typing_extensions import TypedDict  # pydantic takes no other from Python 3.11


class KeptKey(TypedDict):
    """A key of an outside provider; ``gone_at``: when it was first missed."""

    jwk: dict[str, str]
    gone_at: int | None


class Base(DeclarativeBase):
    """Named constraints, because a migration can only change what has a name."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        int: BigInteger,
        bytes: LargeBinary,
        dict[str, str]: JSON,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[KeptKey]: JSON,
    }


Id = String(36)
