"""experiments.toml as typed, validated values."""
