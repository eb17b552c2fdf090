"""The credential, taken out of what goes on to the service: it has been judged, and whoever gets it could use it.

Of a query it is taken out by the decision, which says what is forwarded; of header fields here.
"""

from sidecar.contract.snapshot import Source
from sidecar.http1.fields import Headers, plain

Fields = list[tuple[bytes, bytes]]


def without_credential(fields: Headers, source: Source) -> Fields:
    """The fields without the credential that was found at ``source``."""
    if source.place == "cookie":
        return _without_cookie(fields, source.name.encode())
    if source.place == "query":
        return list(fields)
    name = b"authorization" if source.place == "authorization" else plain(source.name.encode())
    return [field for field in fields if plain(field[0]) != name]


def _without_cookie(fields: Headers, wanted: bytes) -> Fields:
    kept: Fields = []
    for name, value in fields:
        if name == b"cookie":
            crumbs = [crumb for crumb in value.split(b";") if crumb.partition(b"=")[0].strip(b" \t") != wanted]
            value = b";".join(crumbs).strip(b" \t")
            if not value:
                continue
        kept.append((name, value))
    return kept
