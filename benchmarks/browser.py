"""How a long chat feels in a real browser: how soon a letter is seen that one types, and how long a frame takes."""

import shutil
from statistics import quantiles

from playwright.async_api import Page, async_playwright

TEXT = "a question as long as many are, typed as fast as one can"
WATCH = """() => {
  window.keys = []
  document.addEventListener("keydown", (event) => requestAnimationFrame(() => {
    const painted = new MessageChannel()
    painted.port1.onmessage = () => window.keys.push(performance.now() - event.timeStamp)
    painted.port2.postMessage(0)
  }), true)
  window.gaps = []
  let before = performance.now()
  const next = (now) => { window.gaps.push(now - before); before = now; requestAnimationFrame(next) }
  requestAnimationFrame(next)
}"""


def has_browser() -> bool:
    """Say whether there is a Chromium on this machine."""
    return bool(_chromium())


def _chromium() -> str:
    return shutil.which("chromium") or shutil.which("google-chrome") or ""


async def feel(port: int, messages: int, clicks: int = 0) -> tuple[int, float, float]:
    """Return how many messages are drawn, and the 95th percentiles from a key to its picture and from frame to frame.

    Parameters:
        port: Where the app listens on loopback, with long_chat.py as its page.
        messages: In the chat.
        clicks: How often earlier messages are asked for.

    Returns:
        The number, and two times in ms; a screen that shows 60 frames a second has one each 16.7 ms.
    """
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = await playwright.chromium.launch(executable_path=_chromium(), args=arguments)
        page = await browser.new_page(viewport={"width": 1100, "height": 800})
        await page.goto(f"http://127.0.0.1:{port}/?messages={messages}")
        await page.get_by_test_id("stChatMessage").last.wait_for()
        for _ in range(clicks):
            before = await page.get_by_test_id("stChatMessage").count()
            await page.get_by_role("button", name="Show earlier messages").click()
            await page.get_by_test_id("stChatMessage").nth(before).wait_for()
        await page.wait_for_timeout(3000)
        drawn = await page.get_by_test_id("stChatMessage").count()
        await page.evaluate(WATCH)
        key = await _type(page)
        frame = await _scroll(page)
        await browser.close()
    return drawn, key, frame


async def _type(page: Page) -> float:
    await page.get_by_placeholder("Your message").click()
    await page.evaluate("window.keys = []")
    await page.keyboard.type(TEXT, delay=30)
    await page.wait_for_timeout(500)
    return _most(await page.evaluate("window.keys"))


async def _scroll(page: Page) -> float:
    await page.mouse.move(500, 400)
    await page.evaluate("window.gaps = []")
    for way in (-1, 1):
        for _ in range(30):
            await page.mouse.wheel(0, way * 150)
            await page.wait_for_timeout(30)
    return _most(await page.evaluate("window.gaps"))


def _most(times: list[float]) -> float:
    return quantiles(times, n=20)[-1]
