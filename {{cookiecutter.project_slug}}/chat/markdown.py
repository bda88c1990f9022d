"""Text where Streamlit reads Markdown."""

import re
from functools import lru_cache

from markdown_it import MarkdownIt, rules_block, rules_inline

END = "\uffff"  # the end of an answer that still grows
PART = 4_000  # characters

# What Streamlit's Markdown has beside GitHub's, and math as models write it.
OWN = re.compile(
    r"""(?xs)
    # Math: \(…\), $…$, \[…\], $$…$$ and \begin{align}…. A price is none, nor are $HOME/$USER.
    \\\((?!\s*\\\))(?P<round>(?:\\\\|\\(?![()])|[^\\`])++)\\\)
    | (?P<tex>(?=\$[^$`\\]*\\[a-zA-Z{|,]))?  # with a command of TeX's, it is math in any place
        (?(tex)|(?<![a-zA-Z0-9])(?!\$\d[^\s$]*\s[^$]*?[^\W\d_]{2}))
        \$(?![\s$])(?P<dollar>(?:\\.|(?(tex)[^\\$`]|[^\\$`\n]))++)(?<!\s)\$
        (?(tex)|(?![\d{])(?:(?<![^\w)\]}'!]\$)|(?![a-zA-Z_])))
    | (?P<display>
        \\\[(?!\s*\\\])(?P<square>(?:\\\\|\\(?![\[\]])|[^\\`])++)\\\]
        | (?<!\$)\$\$(?!\$|\s*\$\$)(?P<dollars>(?:\\.|[^\\$`]|\$(?!\$))++)\$\$(?!\$)
        | (?P<environment>\\begin\{(?P<kind>(?:equation|align|gather)\*?)\}
            (?:[^\\`]|\\(?!begin\{(?:equation|align|gather)\b|end\{(?P=kind)\}))*+\\end\{(?P=kind)\}))

    # What is not closed yet, in an answer that grows.
    | (?P<begun>
        (?:\\\((?:\\\\|\\(?![()])|[^\\`])*+|\\\[(?:\\\\|\\(?![\[\]])|[^\\`])*+|\$\$(?:\\.|[^\\$`]|\$(?!\$))*+
            |\\begin\{(?:equation|align|gather)\b(?:[^\\`]|\\(?!begin\{(?:equation|align|gather)\b))*+)
        (?<=\uffff)\Z)
    | (?P<code_begun>(?<!`)(?P<ticks>`+)(?!`)(?!.*?(?<!`)(?P=ticks)(?!`)).*+(?<=\uffff)\Z)

    # Streamlit's own: emoji and icons, :red[…] and its like, arrows and signs, math and ~…~ where none was meant.
    | (?P<icon>(?<!`)`(?P<before>[^`\n]*:)(?P<after>material/[^`\n]*)`(?!`))
    | (?P<address>(?:(?<=http)|(?<=https)):/[^\s<>"`\[\]\\^|\x7f-\U0010ffff]*)
    | (?P<shortcode>:(?=[\w+-]++:)(?=[^\Wa-zA-Z_]*+[a-zA-Z_+-]|100:|1234:))
    | (?P<colon>:(?=[\w:]))
    | (?P<sign>(?<![-\w<=>~])(?:->|<-|--|[<>]=)(?![-\w<=>~]))
    | (?P<about>(?<![-\w<=>~])~=(?![-\w<=>~]))
    | (?P<arrow>(?<![-\w<=>~])<->(?![-\w<=>~]))
    | (?P<escaped>\$|(?<![~/])~(?!~))

    # A tag, which Streamlit shows as text, does not make text of the lines below it.
    | (?P<tag>(?<![^\n])<(?=[a-zA-Z/!?])(?![^\s<>]*[:@]))

    # Bold, italic and struck out beside the punctuation of languages that write no spaces.
    | (?P<closing>(?<=[^\w\s\x00-\x7f])(?:\*++|~~)(?=\w)|(?<=[^\w\s*~])(?:\*++|~~)(?=[^\W\x00-\x7f]))
    | (?P<opening>(?<=[^\W\x00-\x7f])(?:\*++|~~)(?=[^\w\s])|(?<=\w)(?:\*++|~~)(?=[^\w\s\x00-\x7f]))

    # The lines of a poem, but not the second line of a table.
    | (?P<row>\n(?=[:|\ \t]*-)[-:|][-:|\ \t]*(?=\n|\Z))
    | (?P<line>\n)
    """
)
# What is written instead. Nothing is seen of ":small[]", but Streamlit takes no code for one that it stands within.
WRITTEN = {
    "math": "${0}${3}",
    "math $": "$$ {0} $${3}",
    "alone": "$${2}{0}{2}$${2}",
    "begun": "`{0}`",
    "code_begun": "{0}{1[ticks]}",
    "icon": "`{1[before]}`:small[]`{1[after]}`",
    "shortcode": "&#58;:small[]",
    "colon": "&#58;",
    "sign": "{0[0]}:small[]{0[1]}",
    "about": "\\~:small[]=",
    "arrow": "<:small[]-:small[]>",
    "escaped": "\\{0}",
    "tag": "\\<",
    "closing": "{0}:small[]",
    "opening": ":small[]{0}",
    "line": "  {0}",
}


def plain(text: str) -> str:
    """Return Markdown that shows a text as it is.

    Source: https://spec.commonmark.org/0.31.2/#backslash-escapes

    Parameters:
        text: One line.
    """
    return re.sub(r"(?<=\\:)(?=\w)|(?<=\\[-:<>~])(?=\\[-+=>])", ":small[]", re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text))


def as_streamlit_markdown(text: str, growing: bool = False) -> str:
    """Return Markdown that Streamlit shows as GitHub would, with its math drawn and the lines as they are.

    Streamlit's own codes are left out, for nobody who wrote them meant them. What has been written already is kept,
    part for part, so that an answer which grows costs the same however long it is.

    Parameters:
        text: What a model wrote.
        growing: Whether more may come: half a formula is shown as code, half a fence not at all.
    """
    if growing:  # a fence with nothing below it would be an empty box
        text = re.sub(r"(?:\A|(?<=\n))[ >\t]*(?:```|~~~)[^\n`]*\n?\Z", "", text).rstrip("`~$\\*_-=") + END
    text = re.sub("\r\n?", "\n", text).replace("\0", "\ufffd")
    # Streamlit strips a text: code that is indented does not come first.
    parts, at, size = ["[//]: #\n\n" * text.lstrip("\n").startswith(("    ", "\t"))], 0, PART
    while at + size < len(text):
        piece = text[at : at + size].rpartition("\n")[0].rstrip() + END
        part, length = (_kept_part if size == PART else _part)(piece, True)
        parts, at, size = [*parts, part], at + length, PART if length else 2 * size
    return "".join([*parts, (_part if growing or size > PART else _kept_part)(text[at:], False)[0]]).replace(END, "")


def _part(text: str, cut: bool) -> tuple[str, int]:
    """Return Markdown and how much of the text it shows: all, or what ends before the last block, which may go on."""
    lines, tokens = text.split("\n"), PARSER.parse(text)
    lines = lines[: max([0, *(block.map[0] for block in tokens if block.map and not block.level)])] if cut else lines
    length = sum(len(line) + 1 for line in lines)
    for token in reversed(tokens):
        if token.type == "inline" and token.content and token.map and token.map[0] < len(lines):
            (first, last), rows = token.map, re.sub(r"\n[ \t]+", "\n", token.content).split("\n")
            heads = [line[: line.rfind(row)] for line, row in zip(lines[first:last], rows, strict=True)]
            letters = [letter for head, row in zip(heads, rows, strict=True) for letter in ("\n" + head, *row)][1:]
            end = token.tag and "\n" + re.sub(r"[^>\t]", " ", heads[0])
            PARSER.inline.parse("\n".join(rows), PARSER, {"letters": letters, "end": end}, [])
            lines[first:last] = [heads[0] + "".join(letters).removesuffix(end)]
    return "\n".join(lines + [""] * cut), length


_kept_part = lru_cache(maxsize=1_000)(_part)


def _rewrite(state: rules_inline.StateInline, silent: bool) -> bool:
    """Write anew what the parser has found to be text, not code."""
    found = OWN.match(state.src, state.pos, state.posMax)
    if found and not silent:
        letters, end, name, (start, stop) = state.env["letters"], state.env["end"], found.lastgroup or "", found.span()
        old, apart = "".join(letters[start:stop]), ":small[]" * state.src.startswith(tuple("$\\0123456789"), stop)
        if math := next(filter(None, found.group("round", "dollar", "square", "dollars", "environment", "begun")), ""):
            shown = "alone" if end and not start else "" if found["kind"] else "math $" if "$" in math else "math"
            name = name if name == "begun" else shown
            old = (end if name == "alone" else " ").join(filter(None, map(str.strip, math.split("\n"))))
        letters[start:stop] = [WRITTEN.get(name, "{0}").format(old, found, end, apart), *[""] * (stop - start - 1)]
    state.pos = found.end() if found else state.pos
    return bool(found)


def _lines_of_math(state: rules_block.StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take the lines of a formula together, which may look like headings and lists."""
    found = OWN.match(state.src, state.bMarks[first] + state.tShift[first], state.eMarks[end - 1])
    taken = found is not None and found.lastgroup in ("display", "begun") and not state.is_code_block(first)
    if found and taken and not silent:
        token = state.push("inline", "math", 0)
        state.line = first + found[0].count("\n") + 1
        token.map = [first, state.line]
        token.content = state.getLines(first, state.line, state.blkIndent, False).strip()
    return taken


PARSER = MarkdownIt("commonmark").disable(["inline", "html_block", "image", "emphasis"])
PARSER.inline.ruler.before("text", "own", _rewrite)
PARSER.block.ruler.before("fence", "math", _lines_of_math, {"alt": ["paragraph", "reference", "blockquote", "list"]})
_part("Two threads cannot be the first to use a parser.", False)
