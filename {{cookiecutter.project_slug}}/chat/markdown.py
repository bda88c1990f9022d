"""Text where Streamlit reads Markdown."""

import re
from functools import lru_cache

from markdown_it import MarkdownIt, rules_block, rules_inline
from markdown_it.token import Token

END = "\uffff"  # the end of an answer that still grows
PART = 4_000  # characters
LINE = r"\n(?![ \t>]*\n)"  # the end of a line, if no blank one follows

# Patterns, in which white space means nothing. In a formula is no code, and "\\" begins none of the marks at its end.
MATH = {
    # \(…\)
    "round": r"\\\( (?!\s*\\\)) (?: \\\\ | \\(?![()]) | [^\\`] )++ \\\)",
    # $…$ with a command of TeX's in it, wherever it stands
    "tex": r"(?=\$[^$`\\]*\\[a-zA-Z{|,]) (?: \$(?![\s$]) (?:\\.|[^\\$`])++ (?<!\s)\$"
    r" | \$\ (?![\s$]) (?:\\.|[^\\$`\n])++ (?<=\S\ )\$(?!\d) )",  # … or with a space at both ends
    # other $…$, but for prices ($5 or $10, US$5, 5$; also where no spaces are written), variables ($HOME/$USER) and the
    # mere sign ("$", $/kg)
    "dollar": r"(?<![a-zA-Z0-9]) (?!\$\d[^\s$]*\s[^$]*?[^\W\d_]{2})"
    r" (?!\$\d[^$`\\\n]*[\u0590-\u1fff\u2e80-\uffee]) \$(?![\s$)\]}\"'/*,;:]) (?:\\.|[^\\$`\n])++ (?<![\s(\"/])\$"
    r"(?![\d{]) (?: (?<![^\w)\]}'!]\$) | (?![a-zA-Z_]) )",
    # \[…\], $$…$$ and \begin{align}…\end{align}
    "square": r"\\\[ (?!\s*\\\]) (?: \\\\ | \\(?![\[\]]) | [^\\`] )++ \\\]",
    # … but for levels of price: "($$)", "cheap: $$, dear: $$", a table's cells, the ends of lines
    "dollars": r"(?<!\$)\$\$ (?! \$ | \s*\$\$ | [)\]\"',;:*] | [ \t]*\|"
    r" | \s(?=[^$]*?[^\W\d_]{2})[^$\\^_=+<>\d]*+(?<=[ \t])\$\$) (?: \\. | [^\\$`] | \$(?!\$) )++ \$\$(?!\$)",
    "environment": r"\\begin\{(?P<kind>(?:equation|align|gather)\*?)\}"
    r"(?: [^\\`] | \\(?! begin\{(?:equation|align|gather)\b | end\{(?P=kind)\} ) )*+ \\end\{(?P=kind)\}",
    # what is not closed yet, in an answer that grows; in no formula is a blank line
    "begun": rf"(?: \\\( (?: \\\\ | \\(?![()]) | [^\\`\n] | {LINE} )*+"
    rf"| \\\[ (?: \\\\ | \\(?![\[\]]) | [^\\`\n] | {LINE} )*+"
    rf"| \$\$ (?![)\]\"',;:*]|[ \t]*[|\uffff]) (?: \\. | [^\\$`\n] | \$(?!\$) | {LINE} )*+"
    r"| \\begin\{(?:equation|align|gather)\b (?: \\(?!begin\{(?:equation|align|gather)\b)"
    rf" | [^\\`\n] | {LINE} )*+ ) (?<=\uffff)\Z",
}
# How long the marks around each are, and which may stand on lines of their own.
MARKS = {"round": 2, "tex": 1, "dollar": 1, "square": 2, "dollars": 2, "environment": 0, "begun": 0}
ALONE = {"square", "dollars", "environment", "begun"}

# What else Streamlit's Markdown has beside GitHub's: a pattern, and what is written instead, where {0} is the text.
# Nothing is seen of ":small[]", but Streamlit takes no code for one that it stands within.
CODES = {
    "code_begun": (r"(?<!`)(?P<ticks>`+)(?!`) (?!.*?(?<!`)(?P=ticks)(?!`)) .*+ (?<=\uffff)\Z", "{0}{1[ticks]}"),
    # Icons, also in code; emoji, except in an address; :red[…] and its like.
    "icon": (
        r"(?<!`)` (?P<before>[^`\n]*:) (?P<after>material/[^`\n]*) `(?!`)",
        "`{1[before]}`:small[]`{1[after]}`",
    ),
    "address": (r"(?i: (?<=http) | (?<=https) ) :(?=//[\w\[])[^\s<>\"`\[\]\\^|\x7f\uffff]*", "{0}"),
    "shortcode": (r": (?=[\w+-]++:) (?=[^\Wa-zA-Z_]*+[a-zA-Z_+-]|100:|1234:)", "&#58;:small[]"),
    "colon": (r": (?=[\w:])", "&#58;"),
    "escaped_colon": (r"\\: (?=[\w+-])", "&#58;:small[]"),
    # Arrows and signs; math and ~…~ where none was meant.
    "sign": (r"(?<![-\w<=>~]) (?:->|<-|--|[<>]=) (?![-\w<=>~])", "{0[0]}:small[]{0[1]}"),
    "dressed_sign": (r"(?:\\[-<>] | &[lg]t;) (?=[-=>]) | - (?=\\>|&gt;)", "{0}:small[]"),
    "about": (r"(?<![-\w<=>~]) ~= (?![-\w<=>~])", "\\~:small[]="),
    "arrow": (r"(?<![-\w<=>~]) <-> (?![-\w<=>~])", "<:small[]-:small[]>"),
    "escaped": (r"\$ | (?<![~/])~(?!~)", "\\{0}"),
    # A tag, which Streamlit shows as text, does not make text of the lines below it.
    "tag": (r"(?<![^\n])< (?=[a-zA-Z/!?]) (?![^\s<>]*[:@])", "\\<"),
    # Bold, italic and struck out beside the punctuation of languages that write no spaces.
    "closing": (
        r"(?<=[^\w\s\x00-\x7f]) (?:\*++|~~) (?=\w) | (?<=[^\w\s*~]) (?:\*++|~~) (?=[^\W\x00-\x7f])",
        "{0}:small[]",
    ),
    "opening": (
        r"(?<=[^\W\x00-\x7f]) (?:\*++|~~) (?=[^\w\s]) | (?<=\w) (?:\*++|~~) (?=[^\w\s\x00-\x7f])",
        ":small[]{0}",
    ),
    # The lines of a poem, but not the second line of a table.
    "row": (r"\n (?=[:|\ \t]*-) [-:|] [-:|\ \t]* (?=\n|\Z)", "{0}"),
    "line": (r"\n", "  {0}"),
}
PATTERNS = MATH | {name: pattern for name, (pattern, _) in CODES.items()}
OWN = re.compile("|".join(f"(?P<{name}>{PATTERNS[name]})" for name in PATTERNS), re.VERBOSE | re.DOTALL)
FENCE_AT_END = re.compile(r"(?:\A|(?<=\n))[ >\t]*(?:(?:```|~~~)[^\n`]*\n?|[-=]+[ \t]*)\Z")


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
        text = FENCE_AT_END.sub("", text).rstrip("`~$\\*_-=") + END
    text = re.sub("\r\n?", "\n", text).replace("\0", "\ufffd")
    # Streamlit strips a text: code that is indented does not come first.
    parts = ["[//]: #\n\n" * text.lstrip("\n").startswith(("    ", "\t"))]
    at, size = 0, PART
    while at + size < len(text):
        piece = text[at : at + size].rpartition("\n")[0].rstrip() + END
        part, length = _kept[size == PART](piece, True)
        parts.append(part)
        at, size = at + length, PART if length else 2 * size  # one block may be longer than a part
    parts.append((_part if growing else _kept[size == PART])(text[at:], False)[0])
    return "".join(parts).replace(END, "")


def _part(text: str, cut: bool) -> tuple[str, int]:
    """Return Markdown and how much of the text it shows: all, or what ends before the last block, which may go on."""
    lines, tokens = text.split("\n"), PARSER.parse(text)
    if cut:
        lines = lines[: max([0, *(block.map[0] for block in tokens if block.map and not block.level)])]
    length = sum(len(line) + 1 for line in lines)
    for token in reversed(tokens):  # a formula may take more lines than before
        if token.type == "inline" and token.content and token.map and token.map[0] < len(lines):
            texts = re.sub(r"\n[ \t]+", "\n", token.content).split("\n")
            # At a block's edges, the parser drops lines of nothing but a non-breaking space, say.
            first = next((number for number in range(*token.map) if texts[0] in lines[number]), token.map[0])
            lines[first : first + len(texts)] = [_block(token, texts, lines[first : first + len(texts)])]
    return "\n".join(lines + [""] * cut), length


_kept = {True: lru_cache(maxsize=1_000)(_part), False: lru_cache(maxsize=20)(_part)}  # False: of larger ones


def _block(token: Token, texts: list[str], lines: list[str]) -> str:
    """Return the lines of a block, its texts written anew behind what makes each a part of a list or a quotation."""
    heads = [line[: line.rfind(text)] for line, text in zip(lines, texts, strict=True)]
    characters = [one for head, text in zip(heads, texts, strict=True) for one in ("\n" + head, *text)][1:]
    end = token.tag and "\n" + re.sub(r"[^>\t]", " ", heads[0])  # of a line within a formula that stands alone
    PARSER.inline.parse("\n".join(texts), PARSER, {"characters": characters, "end": end}, [])
    written = heads[0] + "".join(characters)
    # What stands behind a formula is a line of its own.
    return written.removesuffix(end) + "  " * (end != "" and not written.endswith((end, "`")))


def _rewrite(state: rules_inline.StateInline, silent: bool) -> bool:
    """Write anew what the parser has found to be text, not code."""
    found = OWN.match(state.src, state.pos, state.posMax)
    if found and not silent:
        characters, name, (start, stop) = state.env["characters"], found.lastgroup or "", found.span()
        if name in MATH:
            written = _math(found, state.env["end"])
        else:
            written = CODES[name][1].format("".join(characters[start:stop]), found)
        characters[start:stop] = [written, *[""] * (stop - start - 1)]
    state.pos = found.end() if found else state.pos
    return bool(found)


def _math(found: re.Match[str], end: str) -> str:
    """Return a formula as Streamlit has it: between $, or between $$ on lines of its own."""
    name = found.lastgroup or ""
    inside = found[0][MARKS[name] : len(found[0]) - MARKS[name]]
    lines = [line.strip() for line in inside.split("\n") if line.strip()]
    formula = " ".join(lines)
    if name == "begun":
        return f"`{formula}`"
    if end and not found.start():
        return f"$${end}{end.join(lines)}{end}$${end}"
    if name == "environment":
        return formula
    apart = ":small[]" * found.string.startswith(tuple("$\\0123456789"), found.end())
    return (f"$$ {formula} $$" if "$" in formula else f"${formula}$") + apart


def _lines_of_math(state: rules_block.StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take the lines of a formula together, which may look like headings and lists."""
    found = OWN.match(state.src, state.bMarks[first] + state.tShift[first], state.eMarks[end - 1])
    taken = found is not None and found.lastgroup in ALONE and not state.is_code_block(first)
    if found and taken and not silent:
        token = state.push("inline", "math", 0)
        state.line = first + found[0].count("\n") + 1
        token.map = [first, state.line]
        token.content = state.getLines(first, state.line, state.blkIndent, False).strip()
    return taken


def _reference(state: rules_block.StateBlock, first: int, end: int, silent: bool) -> bool:
    """Take what a link refers to, but not a footnote, whose text is shown."""
    footnote = state.src.startswith("[^", state.bMarks[first] + state.tShift[first])
    return not footnote and rules_block.reference(state, first, end, silent)


PARSER = MarkdownIt("commonmark").disable(["inline", "html_block", "image", "emphasis"])
PARSER.inline.ruler.before("text", "own", _rewrite)
PARSER.block.ruler.at("reference", _reference)
PARSER.block.ruler.before("fence", "math", _lines_of_math, {"alt": ["paragraph", "reference", "blockquote", "list"]})
_part("Two threads cannot be the first to use a parser.", False)
