"""`python -m rugtui` is `rugtui`."""

import sys

from rugtui.cli import main

sys.exit(main())
