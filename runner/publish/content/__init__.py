"""What the pages say: every table, chart and sentence as a value."""

import logging

# Where matplotlib cannot write to the home folder, it works, but gives lengthy advice on standard error.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
