"""A sidecar of a version that knows no rate limits: the one of today, with that capability taken away."""

import sys

from sidecar.contract import snapshot

snapshot.CAPABILITIES = snapshot.CAPABILITIES - {"rate_limits"}  # type: ignore[misc]  # as an older one has it

from sidecar.cli import main  # noqa: E402  # after the above

sys.exit(main())
