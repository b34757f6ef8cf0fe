"""Exports: a chain as a file, which says all of it, brings everything along, and is the only file written."""

import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

import chainkit as ck
import chainkit.network
from chainkit.errors import ConfigError, MissingError
from chainkit.exporting import export, html, png
from chainkit.pictures import picture, svg
from tests.examples import EXAMPLES, calls, orders

LOADING = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href"}


class Page(HTMLParser):
    """What a page holds: its tags, what they would load, its scripts and styles, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loads, self.inside = [], [], ""
        self.texts = {"script": [], "style": [], "": []}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.loads += [value for name, value in attributes if name in LOADING]
        self.inside = tag if tag in ("script", "style") else self.inside

    def handle_endtag(self, tag):
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, data):
        self.texts[self.inside].append(data)

    def text(self):
        return " ".join(" ".join(self.texts[""]).split())


@pytest.fixture(scope="module")
def page():
    chain = orders()
    chain.group("Payments", ["jobs", "pay"])
    return Page(html(chain, {"pay": "41 ms"}))


# --- files ---


@pytest.mark.parametrize("suffix", [".svg", ".png", ".html", ".SVG"])
def test_exactly_the_file_asked_for_is_written(tmp_path, monkeypatch, suffix):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    monkeypatch.chdir(outside)
    path = ck.export(orders(), inside / f"orders{suffix}")

    assert [*inside.iterdir()] == [path]
    assert [*outside.iterdir()] == []


def test_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "orders.svg"
    path.write_text("old" * 100_000)

    assert export(orders(), str(path)) == path
    assert path.read_text(encoding="utf-8") == svg(orders())


def test_an_svg_is_the_picture_with_its_notes(tmp_path):
    path = export(orders(), tmp_path / "orders.svg", notes={"pay": "41 ms"})

    assert path.read_text(encoding="utf-8") == svg(orders(), {"pay": "41 ms"})
    assert ET.parse(path).getroot().tag.endswith("svg")


def test_a_variant_is_exported_as_its_chain(tmp_path):
    chain = ck.Chain("two")
    chain.connect(chain.add(ck.LambdaFunction("a", timeout_s=9)), chain.add(ck.LambdaFunction("b", timeout_s=5)))
    path = export(ck.variants(chain, ["sync"])["sync"], tmp_path / "variant.svg")

    assert ">a</text>" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("orders.pdf", r"ends with '.pdf'.*allowed: .svg, .png, .html"),
        ("orders.htm", r"ends with '.htm' \(did you mean '.html'\?\)"),
        ("orders", r"ends with ''; allowed"),
        ("missing/orders.svg", "there is no folder"),
        ("folder.svg", "cannot be written: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_is_one_error_and_nothing_is_written(tmp_path, name, problem):
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(ConfigError, match=problem) as caught:
        export(orders(), tmp_path / name)

    assert caught.value.fix
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]


@pytest.mark.parametrize("write", [html, png, lambda chain, notes=None: export(chain, "x.svg", notes=notes)])
def test_what_is_no_chain_and_a_note_of_no_service_are_refused(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="export: 'orders' is no chain"):
        write("orders")
    with pytest.raises(ConfigError, match=r"has no service 'pya' \(did you mean 'pay'\?\)"):
        write(orders(), {"pya": "41 ms"})

    assert [*tmp_path.iterdir()] == []


def test_a_path_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="path=7 is no path"):
        export(orders(), 7)


def test_a_page_without_pyvis_is_one_error(monkeypatch):
    monkeypatch.setattr(chainkit.network, "find_spec", lambda _: None)

    with pytest.raises(MissingError, match="pyvis is not installed"):
        html(orders())


def test_an_svg_loads_neither_pyvis_nor_matplotlib(tmp_path):
    program = (
        "import sys, chainkit as ck; chain = ck.Chain('one'); chain.add(ck.SqsQueue('jobs'));"
        f"ck.export(chain, {str(tmp_path / 'one.svg')!r});"
        "print(sorted({'pyvis', 'jinja2', 'IPython', 'matplotlib', 'anywidget'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"


# --- PNG ---


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_a_png_has_two_pixels_for_each_of_the_layout(make):
    drawn = png(make())
    *_, width, height = picture(make()).box

    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", drawn[16:24]) == pytest.approx((2 * width, 2 * height), abs=1)


def test_equal_chains_give_equal_pngs():
    assert png(orders()) == png(orders())
    assert png(orders()) != png(orders(), {"pay": "41 ms"})


def test_a_very_long_chain_still_fits_into_a_png():
    chain = ck.Chain("long")
    for k in range(60):
        chain.add(ck.LambdaFunction(f"f{k}"))
    for k in range(59):
        chain.connect(f"f{k}", f"f{k + 1}", link="async")

    assert struct.unpack(">I", png(chain)[16:20])[0] == pytest.approx(16_000, abs=1)


# --- HTML ---


def test_the_page_loads_nothing(page):
    assert page.loads == []
    assert {tag for tag, _ in page.tags} & {"link", "img", "iframe", "object", "embed", "base", "form"} == set()
    assert re.findall(r"url\(|@import|@font-face", "".join(page.texts["style"])) == []


def test_our_scripts_ask_for_nothing(page):
    vis, ours = page.texts["script"][0], "".join(page.texts["script"][1:])

    assert "sourceMappingURL" not in vis
    assert re.findall(r"https?:|\bimport\b|\bfetch\b|XMLHttpRequest|WebSocket|sendBeacon", ours) == []
    assert re.findall(r"\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts", vis) == []


def test_the_page_forbids_itself_to_load_anything(page):
    (policy,) = [given["content"] for tag, given in page.tags if given.get("http-equiv") == "Content-Security-Policy"]

    assert policy == "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"


def test_the_page_has_a_title_a_language_and_the_chain_as_its_description(page):
    text = html(orders())
    (stage,) = [given for _, given in page.tags if given.get("id") == "mynetwork"]

    assert "<title>orders</title>" in text
    assert ("html", {"lang": "en"}) in page.tags
    assert stage["aria-describedby"] == "description"
    assert str(orders()).replace(">", "&gt;") in text


def test_the_list_below_names_every_service_link_setting_note_and_group(page):
    text = page.text()

    for service in orders().services.values():
        assert f"{service.name} {service.label}" in text
    for link in orders().links.values():
        assert f"to {link.target} {link.word.replace('_', ' ')}" in text
    assert "pay Lambda function, 41 ms" in text
    assert "Payments jobs, pay" in text


def test_parallel_links_are_all_in_the_page():
    assert Page(html(calls())).text().count("to order sync") == len(
        [link for link in calls().links.values() if (link.target, link.word) == ("order", "sync")]
    )


def test_equal_chains_give_equal_pages():
    assert html(orders()) == html(orders())


def test_what_users_write_is_text_and_no_markup():
    chain = ck.Chain("</title><script>alert(1)</script>{{ 7 * 7 }}")
    chain.add(ck.LambdaFunction("pay", environment={"LINK": "</script><img src=http://x href=y>"}))
    chain.group("<b>'\"</b>", ["pay"])
    made = Page(html(chain, {"pay": "<i>&"}))

    assert made.loads == []
    assert {tag for tag, _ in made.tags} & {"img", "b", "i"} == set()
    assert [tag for tag, _ in made.tags].count("script") == 2
    assert "{{ 7 * 7 }}" in made.text()


def test_an_empty_chain_is_a_page_too():
    assert Page(html(ck.Chain("new"))).text().endswith("Services and links")
