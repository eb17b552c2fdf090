"""The audit trail: who did what, when, and by which request."""

from typing import Annotated

from fastapi import APIRouter, Query

from control.identity import Role
from control.store.audit import AuditEntry

from .access import needs
from .given import MAX_NUMBER, TheMesh
from .paging import Page, Paging

router = APIRouter(prefix="/v1/audit", tags=["audit"])


class Audit(Page):
    """Administrative changes, newest first."""

    entries: list[AuditEntry]


@router.get("", dependencies=[needs(Role.VIEWER, "audit:read")])
def list_audit(
    mesh: TheMesh,
    paging: Paging,
    before: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="Older than the entry of this id.")] = None,
    actor: Annotated[str | None, Query(max_length=200, description="Of this operator alone.")] = None,
    action: Annotated[
        str | None, Query(max_length=100, description="Such as `api_key.create`, or `api_key` for all of that kind.")
    ] = None,
) -> Audit:
    """Every administrative change: one entry each, made in the transaction that made the change."""
    bounds = [bound for bound in (before, paging.after_number()) if bound is not None]
    found = mesh.audit(paging.limit + 1, before=min(bounds, default=None), actor=actor, action=action)
    page = found[: paging.limit]
    return Audit(entries=page, next=paging.following((page[-1].id,)) if len(found) > paging.limit else None)
