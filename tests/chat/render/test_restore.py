"""Values are put back where a person reads them, escaped, and nowhere else."""

import pytest

from chat.render import render, render_plain
from chat.render.restore import restore_html, restore_text

VALUES = {"[[EMAIL_1]]": "a@b.example", "[[TEXT_1]]": '<b title="x">[[EMAIL_1]]', "[[STAFF_ID_1]]": "W-1"}


@pytest.mark.parametrize("draw", [render, render_plain])
def test_chips_and_placeholders_become_their_values(draw):
    html = restore_html(draw("to [[EMAIL_1]], [[STAFF_ID_1]], not [[EMAIL_2]] or [[EMAIL]]"), VALUES)
    assert '<span class="restored" title="EMAIL_1">a@b.example</span>' in html
    assert ">W-1</span>" in html
    assert ">e-mail 2</span>" in html
    assert ">e-mail removed</span>" in html


def test_a_value_is_escaped_and_not_read_again():
    html = restore_html(render("[[TEXT_1]]"), VALUES)
    assert "&lt;b title=&quot;x&quot;&gt;[[EMAIL_1]]</span>" in html


def test_code_is_restored_too():
    assert "a@b.example" in restore_html(render("```python\nmail = '[[EMAIL_1]]'\n```"), VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "[a](https://x.example/?m=[[EMAIL_1]])",
        "https://x.example/?m=[[EMAIL_1]]",
        "![a](https://x.example/[[EMAIL_1]].png)",
        '[a](https://x.example/ "for [[EMAIL_1]] > you")',
        "www.x.example/[[EMAIL_1]]",
    ],
)
def test_addresses_and_attributes_keep_their_placeholders(text):
    assert "a@b.example" not in restore_html(render(text), VALUES)


def test_plain_text_is_restored_outside_addresses():
    assert (
        restore_text("to [[EMAIL_1]] at https://x.example/[[EMAIL_1]]", VALUES)
        == "to a@b.example at https://x.example/[[EMAIL_1]]"
    )


def test_without_placeholders_nothing_changes():
    html = render("# A *page*\n\n- of `code`")
    assert restore_html(html, VALUES) == html
