"""Everything around the science: the study, its plan, the store, execution, the public record, the pages."""
