"""Pictures: the study's, one's own, photographs that stand in; fetched, read, written."""
