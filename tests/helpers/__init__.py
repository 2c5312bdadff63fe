"""What several tests share: tiny studies, synthetic records, ways to spoil things, golden results."""
