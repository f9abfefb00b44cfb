"""The embedded engine: fills a hole with patches of the picture itself.

No weights, no network, no GPU: NumPy and Pillow only. The loop has the shape of a diffusion
sampler, with the picture's own patches in the place of the model, so that seed, steps and guidance
mean what they mean elsewhere. It invents nothing: what is not in the picture cannot come into the
hole.
"""

from .engine import Patches

__all__ = ["Patches"]
