"""Clients that others wrote, unchanged, against the embedded server on a port."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

import fluxfill_nb as ff

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache"
KEY = "the-key"

# What each client does is what its own documentation shows.
BLACKFOREST = """
import json, sys
from blackforest import BFLClient
from blackforest.types.general.client_config import ClientConfig
url, key = sys.argv[1:]
answer = BFLClient(key, base_url=url).generate(
    "flux-pro-1.0-fill", json.load(sys.stdin),
    ClientConfig(sync=True, polling_interval=0.1, max_retries=300),
)
print(json.dumps(answer.result))
"""
BLACK_FOREST_LABS = """
import json, os, sys, time
url, key = sys.argv[1:]
os.environ["BFL_API_KEY"] = key  # it makes a client as it is imported
from black_forest_labs import Client
client = Client(key, base_url=url)
task = client.generate("flux-pro-1.0-fill", **json.load(sys.stdin))
while not task.is_done:
    time.sleep(0.1)
    task = client.get_result(task)
print(json.dumps(task.result.model_dump()))
"""


@pytest.fixture(scope="module")
def server():
    with ff.LocalServer(keys=[KEY], credits=1000) as server:
        yield server


@pytest.fixture
def body(picture, mask):
    return {
        "image": as_base64(picture),
        "mask": as_base64(mask.to_pil()),
        "prompt": "a red vase",
        "steps": 15,
        "guidance": 30,
        "seed": 7,
        "output_format": "png",
    }


@pytest.fixture
def expected(picture, mask):
    """The pixels that the same request gives through our own client."""
    with ff.connect("local") as client:
        result = client.fill(
            picture, mask, "a red vase", steps=15, guidance=30, seed=7, output_format="png"
        )
    return np.asarray(result.raw)


def as_base64(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def installed(requirement: str) -> Path:
    """Install a package beside, not among, ours; the second time it is there already.

    Without its dependencies: it pins old ones, and works with ours.
    """
    folder = CACHE / requirement
    if not folder.exists():
        unfinished = folder.with_name(f"{requirement}.{os.getpid()}")
        command = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", unfinished]
        subprocess.run([sys.executable, *command, requirement], check=True, timeout=300)
        unfinished.rename(folder)
    return folder


def run(requirement: str, script: str, server: ff.LocalServer, body: dict) -> dict:
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", script, server.url, KEY],
        env=os.environ | {"PYTHONPATH": str(installed(requirement))},
        input=json.dumps(body), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def downloaded(url: str) -> Image.Image:
    return Image.open(io.BytesIO(httpx.get(url).raise_for_status().content))


def test_the_vendors_python_client(server, body, expected):
    result = run("blackforest==0.1.3", BLACKFOREST, server, body)
    assert (result["prompt"], result["seed"]) == ("a red vase", 7)
    image = downloaded(result["sample"])
    assert image.format == "PNG"
    assert (np.asarray(image) == expected).all()


def test_the_unofficial_python_client(server, body, expected):
    result = run("black-forest-labs==1.0.0", BLACK_FOREST_LABS, server, body)
    assert result["prompt"] == "a red vase"
    assert (np.asarray(downloaded(result["sample"])) == expected).all()


@pytest.fixture
def node():
    """Node, with what tests/conformance/package-lock.json names."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        if os.environ.get("CI"):
            pytest.fail("CI has to prove this, and finds no Node and npm")
        pytest.skip("needs Node and npm, which the project itself does not")
    folder = HERE / "conformance"
    mark = folder / "node_modules" / ".package-lock.json"  # npm's own; written at the end
    lock = folder / "package-lock.json"
    if not mark.exists() or mark.stat().st_mtime < lock.stat().st_mtime:
        command = [npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=folder, check=True, timeout=300)
    return node


def test_the_typescript_provider(node, server, tmp_path, picture, mask, expected):
    picture.save(tmp_path / "picture.png")
    mask.to_pil().save(tmp_path / "mask.png")
    done = subprocess.run(
        [node, HERE / "conformance" / "fill.mjs", server.url, KEY, tmp_path],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["mediaType"], said["warnings"]) == ("image/png", [])
    told = said["providerMetadata"]["blackForestLabs"]["images"][0]
    assert told["seed"] == 7
    assert told["duration"] == pytest.approx(told["end_time"] - told["start_time"])
    with Image.open(tmp_path / "filled.png") as image:
        assert (np.asarray(image) == expected).all()
