"""What the pages say: every table, chart and sentence as a value."""

import logging

# Where matplotlib can keep nothing in the home it makes do, with advice at length on standard error.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
