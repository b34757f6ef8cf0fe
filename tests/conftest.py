"""What every test starts from: no AWS account in sight, no window, no clock in Hypothesis."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from chainkit.doctor import chromium

# Before anything asks boto3: whoever runs the tests may be logged in, and no test may reach an account.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["MPLBACKEND"] = "Agg"
os.environ["CHAINKIT_PRICES"] = ""  # the prices that come with chainkit, not those of whoever runs the tests

# No deadline: a test that fails on a slow machine tests the machine. The same examples every time: what is new is
# sought by `make fuzz` and by tests marked slow.
settings.register_profile("chainkit", deadline=None, derandomize=True)
settings.load_profile("chainkit")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a browser test where there is no browser, unless there has to be one."""
    if item.get_closest_marker("browser") and chromium() is None:
        reason = "no Chromium on this machine: chainkit doctor"
        if os.environ.get("CHAINKIT_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Where Chromium is, for tests marked `browser`: Playwright's `executable_path`."""
    path = chromium()
    assert path is not None, "a test that takes this fixture is marked browser"
    return path


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of real templates, state machines, traces and logs, read where it lies."""
    folder = os.environ.get("CHAINKIT_CORPUS")
    if not folder:
        pytest.skip("CHAINKIT_CORPUS names no folder of real examples")
    return Path(folder)
