"""Import every public name from the installed wheel, and fill a picture with it."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

import fluxfill_nb as ff

home = Path(ff.__file__).parent
assert "site-packages" in home.parts, f"not the installed package: {home}"
assert (home / "py.typed").exists(), "py.typed is missing from the wheel"
names = {name: getattr(ff, name) for name in ff.__all__}
picture = Image.linear_gradient("L")
with ff.connect("local", store=None) as client:
    client.fill(picture, ff.Mask.from_box(picture.size, (80, 80, 120, 120)), steps=15, seed=1)
print(f"fluxfill_nb {ff.__version__}: {len(names)} public names from the wheel, one picture filled")
