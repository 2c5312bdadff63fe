"""Convolutions and normalisation by what is fastest: compiled loops, vector code, or PyTorch."""
