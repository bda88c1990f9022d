"""What a model wrote is what the page shows, except what Markdown and math mean."""

import gc
import time
from unittest.mock import patch

import pytest

from chat.markdown import PARSER, PART, as_streamlit_markdown, plain

SHOWN = [
    # Math, however models write it; no price is math.
    (r"Let \( x^2 \) be", "Let $x^2$ be"),
    (r"\(a\) and \(b\)", "$a$ and $b$"),
    (r"\(a\)\(b\) and $c$$d$", "$a$:small[]$b$ and $c$:small[]$d$"),
    ("$5 or $10, and $x^2$", r"\$5 or \$10, and $x^2$"),
    ("$5 and 10$, US$5, 5$", r"\$5 and 10\$, US\$5, 5\$"),
    ("$3.50/kg-$4.50/kg or ($20)/($30)", r"\$3.50/kg-\$4.50/kg or (\$20)/(\$30)"),
    ("$PATH:$HOME/bin and ${a}/${b}", r"\$PATH:\$HOME/bin and \${a}/\${b}"),
    ('US dollars ($), not "$" or "$"; $/kg and $/t', r'US dollars (\$), not "\$" or "\$"; \$/kg and \$/t'),
    ("价格为$5和$10\uff0c公式$E=mc^2$", "价格为\\$5和\\$10\uff0c公式$E=mc^2$"),
    ("Joe's ($$) and Ann's ($$), cheap: $$, dear: $$$", r"Joe's (\$\$) and Ann's (\$\$), cheap: \$\$, dear: \$\$\$"),
    ("| a | b |\n|---|---|\n| $$ | c |\n| $$ | d |", "| a | b |\n|---|---|  \n| \\$\\$ | c |  \n| \\$\\$ | d |"),
    ("Ann's: $$\nJoe's: $$", "Ann's: \\$\\$  \nJoe's: \\$\\$"),
    (r"$ \frac{1}{2} $, $ n $", r"$\frac{1}{2}$, \$ n \$"),
    ("$$x$$, where $x>0$.\nNext", "$$\nx\n$$\n, where $x>0$.  \nNext"),
    (r"the $n$th of 3$\times$3, $2x + 3y$", r"the $n$th of 3$\times$:small[]3, $2x + 3y$"),
    (r"\$5 is $\$5$", r"\$5 is $$ \$5 $$"),
    (r"\[ E = mc^2 \]", "$$\nE = mc^2\n$$"),
    ("$$ E = mc^2 $$", "$$\nE = mc^2\n$$"),
    ("so\n\\[\na \\\\[4pt]\n=\n- b\n\\], *or*", "so\n$$\na \\\\[4pt]\n=\n- b\n$$\n, *or*  "),
    (
        "1. so\n   $$\n   x\n\n   = y\n   $$\n2. > \\[z\\]",
        "1. so\n   $$\n   x\n   = y\n   $$\n2. > $$\n   > z\n   > $$",
    ),
    ("> \\begin{align*}\n> a\n> =\n> \\end{align*}", "> $$\n> \\begin{align*}\n> a\n> =\n> \\end{align*}\n> $$"),
    (r"# The \[x\] of | \(y\)", "# The $x$ of | $y$"),
    (r"An open \( stays, and $$ too", r"An open \( stays, and \$\$ too"),
    (r"$$ $$, \( \), \[ \] and $", r"\$\$ \$\$, \( \), \[ \] and \$"),
    # Code of all kinds stays as it is.
    (r"Write `\(x\)`, `` `$x$` `` so", r"Write `\(x\)`, `` `$x$` `` so"),
    ("```latex\n\\(x\\)\n", "```latex\n\\(x\\)\n"),
    ("~~~\nfind \\( -x \\)\n~~~", "~~~\nfind \\( -x \\)\n~~~"),
    ("````\n```\n\\(x\\)\n```\n````", "````\n```\n\\(x\\)\n```\n````"),
    ("So:\n\n    find \\( -x \\) # :smile:", "So:\n\n    find \\( -x \\) # :smile:"),
    ("    :smile:\n", "[//]: #\n\n    :smile:\n"),
    ("> - `find \\(\n>   -x \\)` now", "> - `find \\(\n>   -x \\)` now"),
    ("`:material/home:`", "`:`:small[]`material/home:`"),
    # Streamlit's own codes are text.
    ("opts:key[0] :red[x] a::b ::c[d]", "opts&#58;key[0] &#58;red[x] a&#58;&#58;b &#58;&#58;c[d]"),
    (":smile: :+1: :material/home:", "&#58;:small[]smile: &#58;:small[]+1: &#58;material/home:"),
    (r"\:smile: \:material/x: a\: b", r"&#58;:small[]smile: &#58;:small[]material/x: a\: b"),
    ("http:/:red[x] http://:smile:", "http:/&#58;red[x] http://&#58;:small[]smile:"),
    ("See[^1]\n\n[^1]: :red[x]", "See[^1]\n\n[^1]: &#58;red[x]"),
    ("a -> b <- c <-> d -- e", "a -:small[]> b <:small[]- c <:small[]-:small[]> d -:small[]- e"),
    ("a >= b <= c ~= d x->y --f", "a >:small[]= b <:small[]= c \\~:small[]= d x->y --f"),
    (r"a &gt;= b &lt;- c \-> d \>= e", r"a &gt;:small[]= b &lt;:small[]- c \-:small[]> d \>:small[]= e"),
    ("~$120B (~$55B) ~~gone~~", r"\~\$120B (\~\$55B) ~~gone~~"),
    (":::note\ntext\n:::", "&#58;&#58;&#58;note  \ntext  \n&#58;&#58;:"),
    ("https://x.org/~a/b:c?p=$q&r=_s_ [:x:](y:z:)", "https://x.org/~a/b:c?p=$q&r=_s_ [&#58;:small[]x:](y:z:)"),
    # Each line of a text is one.
    ("Roses\nare red,  \nviolets\\\nare blue", "Roses  \nare red,    \nviolets\\\nare blue"),
    ("- a\n  b\n> c\nd\n\n1.\te\n\tf", "- a  \n  b\n> c  \nd\n\n1.\te  \n\tf"),
    ("| a | b |\n|---|:-:|\n| `x\\|y` | $5 |", "| a | b |\n|---|:-:|  \n| `x\\|y` | \\$5 |"),
    ("a\n    # b\n    - c", "a  \n    # b  \n    - c"),
    # Lines of nothing but other kinds of space.
    ("Hello\n\u00a0\n\nWorld", "Hello\n\u00a0\n\nWorld"),
    ("\u3000\nTitle\n===\n\n- \u2003\n  a\n  b\n\u2028", "\u3000\nTitle\n===\n\n- \u2003\n  a  \n  b\n\u2028"),
    ("HTTPS://X.ORG:80/é:x", "HTTPS://X.ORG:80/é:x"),
    # What Markdown means is kept.
    ("# a #\n\nb\n---\n\n* * *\n- [x] c[^1]\n\n[^1]: d", "# a\n\nb\n---\n\n* * *\n- [x] c[^1]\n\n[^1]: d"),
    ("<div>\n*a* <b> List<T>\n</div>", "\\<div>  \n*a* <b> List<T>  \n\\</div>"),
    ('<https://x.org> ![a](b "c") [d][e]\n\n[e]: f', '<https://x.org> ![a](b "c") [d][e]\n\n[e]: f'),
    ("**注意\uff1a**これ", "**注意\uff1a**:small[]これ"),
    ("これ**「重要」**です", "これ:small[]**「重要」**:small[]です"),
    ("한국어**(주의)**는 ~~“x”~~が", "한국어:small[]**(주의)**:small[]는 ~~“x”~~:small[]が"),
]


@pytest.mark.parametrize(("written", "read"), SHOWN)
def test_what_a_model_wrote_is_shown(written: str, read: str) -> None:
    assert as_streamlit_markdown(written) == read


GROWS = """So `find \\( -x \\)` is, for **$5** or ~$6, with \\(x_1\\) and *that*:

~~~
find \\( -name "*.py" \\) $x$
~~~
- one `` a`\\(
  b `` two

\\[
a \\\\[4pt]
=
- b
\\]

````
```
:smile: -> \\[ $$
```
````
and

    code \\(x\\) >= `y

$$z$$ **注意\uff1a**これ | a:b
"""
CODE = ["`find \\( -x \\)`", '~~~\nfind \\( -name "*.py" \\) $x$\n~~~', "`` a`\\(\n  b ``", "    code \\(x\\) >= `y"]
CODE += ["````\n```\n:smile: -> \\[ $$\n```\n````"]
HALF = "`~$\\*_-="  # of what a fence, a formula or a heading begins with


def test_whatever_has_come_of_an_answer_code_is_code_and_what_is_done_stays() -> None:
    for length in range(len(GROWS)):
        shown = as_streamlit_markdown(GROWS[:length], growing=True)
        for code in CODE:
            begun = GROWS[GROWS.index(code) : length][: len(code)]
            assert begun.rstrip(HALF + "\n") in shown
        done = GROWS[:length].rpartition("\n\n")[0]
        if done.count("~~~") != 1 and done.count("````") != 1:
            assert shown.startswith(as_streamlit_markdown(done).rstrip(HALF))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"Let \(x^2 + *y", r"Let `\(x^2 + *y`"),
        ("So\n\\[\nx\n=\ny", "So\n`\\[ x = y`"),
        ("So\n\n$$\nx\n- y", "So\n\n`$$ x - y`"),
        ("Use `` find \\( `x", "Use `` find \\( `x``"),
        ("Use `x`, it`s **a** and", "Use `x`, it`s **a** and`"),
        ("So:\n``", "So:  \n"),
        ("So:\n```py", "So:  \n"),
        ("So:\n> ```py\n", "So:  \n"),
        ("```\na\n``", "```\na\n"),
        ("So\n-", "So  \n"),
        ("So\n- ", "So  \n"),
        ("| a | $$ ", r"| a | \$\$ "),
        ("It costs $5", r"It costs \$5"),
    ],
)
def test_half_of_something_is_calm(written: str, read: str) -> None:
    assert as_streamlit_markdown(written, growing=True) == read


def test_a_long_answer_is_its_parts_and_a_word_more_costs_the_same_however_long_it_is() -> None:
    blocks = [
        written for written, _ in SHOWN if written[0] not in " >" and "[^1]" not in written and "``" not in written
    ]
    text = "\n\n# Next\n\n".join(blocks * 20)
    assert len(text) > 5 * PART
    assert as_streamlit_markdown(text) == "\n\n# Next\n\n".join(map(as_streamlit_markdown, blocks * 20))
    as_streamlit_markdown(text, growing=True)
    with patch.object(PARSER, "parse", wraps=PARSER.parse) as parse:
        as_streamlit_markdown(text + " word", growing=True)
    assert sum(len(call.args[0]) for call in parse.call_args_list) < 3 * PART


@pytest.mark.parametrize(
    "piece",
    [
        r"\(",
        r"\[",
        "`",
        r"\(\[",
        "[",
        "![",
        "$",
        "$5 ab ",
        "$$\n",
        "*",
        "**\u3002a",
        ">",
        "- a\n",
        ":a:",
        pytest.param(":" + "a" * 16_000, id="a word"),
    ],
)
def test_a_bomb_takes_no_longer_than_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        begin = time.thread_time()
        as_streamlit_markdown((piece * length)[:length], growing=True)
        return time.thread_time() - begin

    gc.disable()  # it looks at all that the tests hold
    try:
        assert seconds(64_000) < 30 * max(seconds(8_000), 0.001)  # eight times the text; not 64 times the time
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Is *this* $5?", r"Is \*this\* \$5\?"),
        (":smile: :+1: a-b", r"\::small[]smile\: \::small[]\+1\: a\-b"),
        ("a -> b <-> c >= d", r"a \-:small[]\> b \<:small[]\-:small[]\> c \>:small[]\= d"),
    ],
)
def test_a_title_is_plain(text: str, read: str) -> None:
    assert plain(text) == read
