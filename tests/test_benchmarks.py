"""Do the benchmarks run at all? What they measure says nothing on a busy machine, so no time is looked at."""

import sys

import pytest

from tests.baking import REPOSITORY, run


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads /proc: run it on Linux")
@pytest.mark.installs
def test_the_benchmark_of_chats_measures_an_app_beside_a_plain_one(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--all-providers"):
        pytest.skip("what no user runs is for the long run: --all-providers")
    script = REPOSITORY / "benchmarks" / "chats.py"
    few = ("--rounds", "1", "--users", "2", "--only", "turns", "--ways", "app,plain")
    table = run(sys.executable, script, *few, cwd=REPOSITORY).stdout
    assert "|  | the app | plain | the app : plain |" in table
    for row in ("turn of 20 tokens in 0.2 s, 2 users, s", "CPU a turn, ms", "turns a second, 1/s"):
        assert f"| {row} | " in table
