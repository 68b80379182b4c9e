"""Whether the whole of a proof runs (`scripts/prove ends`), or the sample of it that the tests take."""

import os

IN_FULL = bool(os.environ.get("GOTONG_WHOLE"))
