"""Do the generated apps' own tests pass when installed, are they lint-clean, do their types fit?"""

import pytest

from tests.baking import PROVIDERS, UV, install, run


@pytest.mark.installs
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_installed_app_passes_its_own_checks(provider: str) -> None:
    app = install(model_provider=provider, project_slug=f"app-{provider}")
    assert (app / "uv.lock").is_file()
    run(UV, "run", "pytest", "-q", cwd=app)
    run(UV, "run", "--group", "lint", "ruff", "check", cwd=app)
    run(UV, "run", "--group", "lint", "ruff", "format", "--check", cwd=app)
    run(UV, "run", "--group", "lint", "ty", "check", "--error-on-warning", cwd=app)
