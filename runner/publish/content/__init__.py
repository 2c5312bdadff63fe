"""What the pages say: every table, chart and sentence as a value."""
