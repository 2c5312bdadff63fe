"""The science: SinGAN super-resolution training. Tensors in, tensors out; nothing here imports `runner`.

Images are `[1, 3, H, W]` floats in [-1, 1]; level 0 is the coarsest, level N the last.
"""

__version__ = "0.1.0"
