"""The built wheel, installed elsewhere, works without the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUICKSTART = """
import pathlib, chainkit as ck
from chainkit import data, doctor

assert pathlib.Path(ck.__file__).is_relative_to(pathlib.Path.cwd()), ck.__file__
assert not doctor.is_checkout()
assert pathlib.Path(data.path("latency.json")).is_relative_to(pathlib.Path.cwd())

chain = ck.Chain("orders", region="us-east-1")
api = chain.add(ck.HttpApi("api"))
pay = chain.add(ck.LambdaFunction("pay", duration=ck.Constant(0.25)))
chain.connect(api, pay)
run = ck.simulate(chain, ck.Poisson(rate_per_s=4), requests=1000, seed=1)
print(ck.bill(chain, run).total_usd > 0)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", *build], check=True)
    (built,) = folder.glob("chainkit-*.whl")
    return built


def test_data_and_notebooks_travel_in_the_package_and_tests_stay_at_home(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert "chainkit/_data/latency.json" in names
    assert "chainkit/_notebooks/01_first_chain.ipynb" in names
    assert "chainkit/_notebooks/apps/designer.ipynb" in names
    assert "chainkit/apps/voila/templates/chainkit/index.html.j2" in names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"chainkit"}
    assert [name for name in names if "checkpoint" in name or "__pycache__" in name] == []


def test_the_quickstart_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    install = ["pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), str(wheel)]
    subprocess.run([sys.executable, "-m", *install], check=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    answer = subprocess.run(
        [sys.executable, "-c", QUICKSTART], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (answer.stdout, answer.stderr) == ("True\n", "")
