"""What a model wrote is what the page shows, except what Markdown and math mean."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import reply
from tests.running import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.installs]

WRITTEN = r"""
$5 or $10, ~$120B (~$55B), $HOME/$USER and $x^2$

opts:key[0] :red[x] :material/home: :smile: :badge[b] a -> b >= c -- d ~= e <-> f :help[x] :streamlit:

**注意：**これ は**「重要」**です ~~gone~~ <div> List<T> https://x.org/~a_b_c

Roses are red,
violets are blue.

\[
a \\[4pt]
=
- b
\], and \(c\)\(d\)

~~~
find \( -x \) # :smile: ->
~~~

Run `find \(
-y \)` or `:material/home:`

> - quoted $1
>   and $2

| a | b |
|---|---|
| $5 -> | `x\|y` |

    code \(z\) $5

The end -> here
""".strip("\n")
SHOWN = [
    "$5 or $10, ~$120B (~$55B), $HOME/$USER and ⟦x^2⟧",
    "opts:key[0] :red[x] :material/home: :smile: :badge[b] a -> b >= c -- d ~= e <-> f :help[x] :streamlit:",
    "注意：これ は「重要」です gone <div> List<T> https://x.org/~a_b_c",
    "Roses are red,⏎violets are blue.",
    "⟦a \\\\[4pt]\n=\n- b⟧",
    ", and ⟦c⟧⟦d⟧",
    "find \\( -x \\) # :smile: ->",
    "Run find \\( -y \\) or :material/home:",
    "quoted $1⏎and $2",
    "a",
    "b",
    "$5 ->",
    "x|y",
    "code \\(z\\) $5",
    "The end -> here",
]
TEXTS = """answer => {
    const copy = answer.querySelector('[data-testid=stMarkdownContainer]').cloneNode(true)
    for (const math of copy.querySelectorAll('.katex-display, .katex'))
        math.outerHTML = `<p>⟦${math.querySelector('annotation').innerHTML}⟧</p>`
    for (const end of copy.querySelectorAll('br')) end.outerHTML = '⏎'
    for (const math of copy.querySelectorAll('p p')) math.outerHTML = math.innerHTML
    return [...copy.querySelectorAll('p, pre, li, th, td')].filter(one => !one.querySelector('p'))
        .map(one => one.textContent.replaceAll('⏎\\n', '⏎').trim())
}"""
# What half a fence, half a formula or half a list would flash up as.
WATCH = """() => {
    window.flashed = []
    new MutationObserver(() => {
        for (const wrong of document.querySelectorAll('[data-testid=stChatMessage] :is(h1, h2, em, del, .katex-error)'))
            window.flashed.push(wrong.outerHTML)
    }).observe(document.body, {childList: true, subtree: true, characterData: true})
}"""
GROWING = r"""So
- a \(x_1 * y * \frac{1}{2}\) and `find \( *x* \) \(y\)`, for ~$5 or ~$6

\[
x
=
\frac{y_1 * z}{2} *a*
\]

```sh
# *a* $x$
```
Done."""


def test_what_a_model_wrote_is_shown(chat: ChatPage, server: Any) -> None:
    server.reply = reply(words=(WRITTEN,))
    chat.say("Show everything")
    chat.wait_for_the_end()
    expect(chat.answer.locator(".katex")).to_have_count(4)
    wait_until(
        lambda: len(chat.answer.evaluate(TEXTS)) >= len(SHOWN)
    )  # Streamlit loads what draws code when it is needed
    assert chat.answer.evaluate(TEXTS) == SHOWN
    assert chat.answer.locator("strong").all_inner_texts() == ["注意：", "「重要」"]
    assert chat.answer.locator("del").all_inner_texts() == ["gone"]
    expect(chat.answer.get_by_role("link")).to_have_attribute("href", "https://x.org/~a_b_c")


def test_half_of_something_does_not_flicker(chat: ChatPage, server: Any) -> None:
    chat.page.evaluate(WATCH)
    words = tuple(GROWING[at : at + 2] for at in range(0, len(GROWING), 2))
    server.reply = reply(words=words, pause=0.03)
    chat.say("Grow")
    chat.wait_for_the_end()
    expect(chat.answer.locator(".katex")).to_have_count(2)
    assert chat.page.evaluate("window.flashed") == []
