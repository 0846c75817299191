"""A finished message: what Markdown becomes."""

import threading

import pytest

from chat.render import RENDERER_VERSION, markdown, render, render_plain
from tests.chat.render.html import REL, Page, faults, text

CHIP = '<span class="redacted" title="Removed before it was stored">{} removed</span>'


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("# A *b*", "<h1>A <em>b</em></h1>"),
        ("~~a~~ **b** `c`", "<p><del>a</del> <strong>b</strong> <code>c</code></p>"),
        ("a  \nb", "<p>a<br>\nb</p>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("> a\n\n***", "<blockquote>\n<p>a</p>\n</blockquote>\n<hr>"),
        ("see https://a.example/b.", f'<p>see <a href="https://a.example/b" rel="{REL}">https://a.example/b</a>.</p>'),
        ("<a@b.example>", f'<p><a href="mailto:a@b.example" rel="{REL}">a@b.example</a></p>'),
        ("[a][1]\n\n[1]: https://b.example", f'<p><a href="https://b.example" rel="{REL}">a</a></p>'),
    ],
)
def test_it_renders_the_markdown_that_models_write(source: str, html: str):
    assert render(source).strip() == html


def test_it_renders_a_table_with_its_alignment():
    html = render("| a | b |\n|:--|--:|\n| 1<br>2 | 3 |")
    assert html.startswith('<div class="table"><table>')
    assert '<th align="right">b</th>' in html
    assert '<td align="left">1<br>2</td>' in html


def test_it_shows_tasks_as_signs_and_not_as_controls():
    html = render("- [ ] later\n- [x] now")
    assert '<li class="task-item"><span class="task">☐</span> later</li>' in html
    assert '<li class="task-item"><span class="task done">☑</span> now</li>' in html


def test_it_shows_raw_html_as_text():
    assert render("a <b onclick=x>c</b>\n\n<div>\n\n*d*\n\n</div>").strip() == (
        "<p>a &lt;b onclick=x&gt;c&lt;/b&gt;</p>\n<p>&lt;div&gt;</p>\n<p><em>d</em></p>\n<p>&lt;/div&gt;</p>"
    )


def test_it_shows_an_image_as_a_link():
    image = f'<a href="https://a.example/b.png" class="image" rel="{REL}">c</a>'
    assert render("![c](https://a.example/b.png)").strip() == f"<p>{image}</p>"
    assert text(render("![](https://a.example/b.png)")) == "image"
    assert Page(render("[![c](https://a.example/b.png)](https://d.example)")).links == ["https://d.example"]


def test_it_frames_code_with_its_language_and_a_copy_button():
    html = render('```python\ndef f():\n    return "<a>"\n```')
    head = '<span class="code-lang">python</span><button type="button" class="copy">Copy</button>'
    assert html.startswith(f'<div class="code"><div class="code-head">{head}</div><pre><code>')
    assert '<span class="k">def</span> <span class="nf">f</span>' in html
    assert "&lt;a&gt;" in html


@pytest.mark.parametrize("info", ["", "nosuchlanguage", "brainfuck", "python-but-not-really"])
def test_it_shows_code_of_an_unknown_language_without_colours(info: str):
    assert "<pre><code>x = 1\n</code></pre>" in render(f"```{info}\nx = 1\n```")


def test_it_keeps_code_as_it_was_written():
    code = 'a = "$5" + \'$x$\' + `<div hx-get="x">` # \\( [[EMAIL]] \\) <br> &amp; [a](b)\n\n\tb\n'
    for info in ("", "js", "nosuch"):
        shown = "".join(Page(render(f"```{info}\n{code}```")).texts)
        assert code.replace("[[EMAIL]]", "e-mail removed") in shown


def test_prices_are_not_formulas():
    source = "It costs $5 and then $10, or $x$ or 5$ and **$6** or \\$7."
    assert text(render(source)) == "It costs $5 and then $10, or $x$ or 5$ and $6 or $7."
    assert "math" not in render(source)


def test_it_draws_formulas():
    square = "<msup><mi>x</mi><mn>2</mn></msup>"
    assert render(r"\(x^2\)").strip() == f'<p><span class="math"><math>{square}</math></span></p>'
    assert f'<span class="math display"><math display="block">{square}</math></span>' in render("$$x^2$$")
    assert '<math display="block">' in render("\\[\nx*y*z\n\\]")
    assert render(r"`\(a\)` $$").strip() == r"<p><code>\(a\)</code> $$</p>"


def test_it_aligns_the_columns_of_a_formula_without_an_inline_style():
    html = render(r"$$\begin{align} a &= b \\ c &= d \end{align}$$")
    assert '<mtd class="right"><mi>a</mi></mtd><mtd class="left">' in html
    assert "style" not in html.replace("displaystyle", "")
    assert faults(html) == []


@pytest.mark.parametrize(
    "latex",
    [
        r"\nope",
        r"\text{<script>alert(1)</script>}",
        r"\href{javascript:alert(1)}{x}",
        r"\frac{",
        "x" * 2_001,
        "{" * 51 + "}" * 51,
    ],
    ids=["unknown", "markup", "link", "unfinished", "long", "deep"],
)
def test_a_formula_that_cannot_be_drawn_stays_as_it_was_written(latex: str):
    html = render(rf"\({latex}\)")
    assert "<math" not in html
    assert text(html) == latex
    assert faults(html) == []


def test_a_name_in_a_formula_stays_a_chip():
    assert CHIP.format("e-mail") in render(r"\(x + [[EMAIL]]\)")


@pytest.mark.parametrize("form", [r"\sqrt", r"\hat", r"\not", r"\mathbf", r"\frac", r"\left(", r"\begin{cases}", "x^{", "{", "_"])
def test_no_formula_goes_too_deep_for_a_small_stack(form: str):
    stack_bytes, threading_default = 2 * 1024 * 1024, threading.stack_size()
    threading.stack_size(stack_bytes)
    try:
        drawing = threading.Thread(target=render, args=(rf"\({form * (1_900 // len(form))}\)",))
        drawing.start()
        drawing.join()
    finally:
        threading.stack_size(threading_default)


def test_it_shows_what_was_redacted_as_a_chip():
    assert render("to [[EMAIL]].").strip() == f"<p>to {CHIP.format('e-mail')}.</p>"
    assert CHIP.format("API key") in render("```python\nkey = '[[API_KEY]]'\n```")
    assert CHIP.format("card number") in render("| a |\n|---|\n| `[[CARD]]` |")
    assert render("[[EMAIL]](https://a.example)").startswith(f"<p>{CHIP.format('e-mail')}")
    assert text(render("[[NOSUCH]] [[email]] [[ EMAIL ]]")) == "[[NOSUCH]] [[email]] [[ EMAIL ]]"


def test_a_chip_never_stands_inside_a_tag():
    html = render('[a](https://a.example/?to=[[EMAIL]] "of [[CARD]]")\n\n```[[EMAIL]] x\ny\n```')
    assert faults(html) == []
    assert 'title="of [[CARD]]"' in html
    assert "?to=%5B%5BEMAIL%5D%5D" in html


def test_links_open_here_and_tell_nothing():
    html = render("[a](https://a.example) [b](http://b.example) [c](mailto:c@c.example)")
    assert html.count(f'rel="{REL}"') == 3
    assert "target" not in html


@pytest.mark.parametrize("url", ["/c/1/delete/", "//a.example", "#transcript", "?a", "ftp://a.example", "a", ""])
def test_other_links_lead_nowhere(url: str):
    assert Page(render(f"[a]({url})")).links == []


def test_plain_text_stays_plain():
    assert render_plain("# a\n<b> [[EMAIL]] *c*") == (f'<div class="plain"># a\n&lt;b&gt; {CHIP.format("e-mail")} *c*</div>')
    assert faults(render_plain("</div><script>alert(1)</script>")) == []


# As the parser raises it: no `Exception`.
Panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})


@pytest.mark.parametrize("name", ["render_markdown", "sanitize", "_dress", "_extensions"])
@pytest.mark.parametrize("error", [Panic, ValueError])
def test_it_falls_back_to_plain_text_whatever_breaks(name: str, error: type, monkeypatch: pytest.MonkeyPatch, caplog):
    def break_down(*args: object, **options: object):
        raise error

    monkeypatch.setattr(markdown, name, break_down)
    html = render("<script>alert(1)</script> *a* [[EMAIL]]")
    assert text(html) == "<script>alert(1)</script> *a* e-mail removed"
    assert faults(html) == []
    assert "alert" not in caplog.text


def test_it_does_not_catch_an_interruption(monkeypatch: pytest.MonkeyPatch):
    def interrupt(*args: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(markdown, "render_markdown", interrupt)
    with pytest.raises(KeyboardInterrupt):
        render("a")


def test_nothing_is_nothing():
    assert render("").strip() == ""
    assert render(" \n\t\n").strip() == ""
    assert RENDERER_VERSION >= 1
