"""For the whole suite: ``SIDECAR_HTTP1=h11`` shuts the express lane, so that the same tests run on both lanes."""

import os

from sidecar.http1.express import SWITCH

SWITCH.open = os.environ.get("SIDECAR_HTTP1") != "h11"
