"""Labels that are syntax somewhere: in LaTeX, Markdown, rich, a spreadsheet, HTML or a terminal."""

HOSTILE = (
    *("[ours]", "[/b]", "[link=https://example.org]x[/link]", "[bold red]", "*", "*ours*", "a|b", "_a_b_", "`x`"),
    *("two\nlines", "carriage\rreturn", "a\ttab", "\x1b[31mred", "nul\0here", "bell\x07 \x85 \u2028 and more"),
    *("=cmd()", "+1", "-2+3", "@x", "\t=1", " =1", "＝1", "<script>alert(1)</script>", "&amp;", "\\input{x}", "\\"),
    *("50 % $x$ #1 a_b {c} ~ ^", "\"q\" 's' ``t'' a--b ?` <<", "](x)", "![x](y)", "# head"),
    *("1. one", "- item", "---", "+"),
    *(":smile:", "right\u202eleft", "zero\u200bwidth", "👩", "中文 한국 é ñ ß Ł ő", "caf\udce9", "", "x" * 5000),
)
