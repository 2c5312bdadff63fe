"""The record and the study, joined and checked: what there is to show."""
