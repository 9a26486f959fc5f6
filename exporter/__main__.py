"""`python -m exporter` is `northstar`."""

import sys

from exporter.cli import main

sys.exit(main())
