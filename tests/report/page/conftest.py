"""A headless Chromium, where there is one; and a page in it that notes what a page must not do."""

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser():
    """Chromium of the system, driven by playwright."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the path")
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Opens a file at some link in a page of some width and theme; afterwards nothing was fetched or complained of."""
    contexts, wrong = [], []

    def _visit(path, link="", width=1280, theme="light", scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=theme, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("request", lambda request: wrong.append(request.url) if _is_foreign(request.url) else None)
        page.goto(path.as_uri() + link)
        return page

    yield _visit
    for context in contexts:
        context.close()
    assert wrong == []


def _is_foreign(url):
    return not url.startswith(("file:", "data:", "blob:"))
