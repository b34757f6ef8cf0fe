"""Pictures of chains: the SVG is well formed, says everything in words, and brings nothing along."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainkit as ck
from chainkit.layout import CARD_HEIGHT, CARD_WIDTH
from chainkit.pictures import OTHER, STYLES, Card, Wire, path, picture, svg
from tests.examples import EXAMPLES, calls, orders

SVG = "{http://www.w3.org/2000/svg}"


def texts(chain, notes=None):
    return [element.text for element in ET.fromstring(svg(chain, notes)).iter(f"{SVG}text")]


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_the_svg_shows_the_name_and_kind_of_every_service_and_the_word_of_every_link(make):
    chain = make()
    shown = texts(chain)

    assert {card.title for card in picture(chain).cards} <= set(shown)
    assert {service.label for service in chain.services.values()} <= set(shown)
    assert {link.word.replace("_", " ") for link in chain.links.values()} <= set(shown)


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_the_svg_brings_no_script_style_sheet_image_or_id(make):
    elements = list(ET.fromstring(svg(make())).iter())

    assert {element.tag.removeprefix(SVG) for element in elements} <= {
        "svg", "title", "desc", "g", "path", "polygon", "rect", "text",
    }  # fmt: skip
    assert not any({"id", "href", "class", "onload"} & element.attrib.keys() for element in elements)


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_everything_drawn_is_inside_the_box(make):
    drawn = picture(make())
    left, top, width, height = drawn.box

    points = [point for wire in drawn.wires for point in wire.points] + [(card.x, card.y) for card in drawn.cards]
    assert all(left <= x <= left + width and top <= y <= top + height for x, y in points)


def test_the_same_chain_gives_the_same_svg():
    assert svg(orders()) == svg(orders())


def test_the_whole_chain_is_in_the_description_for_screen_readers():
    assert ET.fromstring(svg(orders())).find(f"{SVG}desc").text == str(orders())


@given(name=st.text(min_size=1).filter(str.isprintable))
def test_any_name_of_a_chain_is_text_and_no_markup(name):
    assert ET.fromstring(svg(ck.Chain(name))).find(f"{SVG}title").text == name


def test_a_note_stands_on_its_card():
    assert "41 ms, $2.50" in texts(orders(), {"pay": "41 ms, $2.50"})


def test_a_long_name_is_cut_on_the_card_and_whole_in_its_title():
    chain = ck.Chain("long")
    chain.add(ck.SqsQueue("a" * 40))

    assert "a" * 15 + "…" in texts(chain)
    assert "a" * 40 in svg(chain)


def test_every_kind_of_link_has_a_style_that_differs_by_more_than_colour_where_it_matters():
    assert STYLES["redrive"].dash
    assert STYLES["dead_letter"].dash
    assert not STYLES["sync"].dash
    assert len({(style.dash, style.width) for style in STYLES.values()}) >= 6


@pytest.mark.parametrize("make", EXAMPLES, ids=lambda make: make.__name__)
def test_no_kind_of_link_is_drawn_in_the_style_for_unknown_ones(make):
    assert OTHER not in [wire.style for wire in picture(make()).wires]


def test_parallel_links_are_drawn_side_by_side():
    first, second = [wire for wire in picture(calls()).wires if (wire.source, wire.target) == ("api", "order")]

    assert first.points[0] != second.points[0]


def test_a_dead_letter_queue_of_a_delivery_is_an_edge_of_its_own():
    chain = ck.Chain("dead")
    chain.add(ck.SnsTopic("events"))
    chain.add(ck.LambdaFunction("mail"))
    chain.add(ck.SqsQueue("lost"))
    chain.connect("events", "mail", dead_letter_queue="lost")

    assert [(wire.key, wire.kind, wire.text) for wire in picture(chain).wires][1] == (
        "events>mail!", "dead_letter", "dead letters",
    )  # fmt: skip


def test_an_arrow_ends_where_its_wire_does():
    for wire in picture(calls()).wires:
        assert wire.arrow()[0] == wire.points[-1]


def test_a_link_back_to_the_left_goes_below_both_cards():
    chain = ck.Chain("circle")
    a, b = chain.add(ck.LambdaFunction("a")), chain.add(ck.LambdaFunction("b"))
    chain.connect(a, b, link="async")
    chain.connect(b, a, link="async")
    back = picture(chain).wires[1]

    assert max(y for _, y in back.points) > 28.0


def test_a_function_that_calls_itself_has_a_loop():
    chain = ck.Chain("self")
    a = chain.add(ck.LambdaFunction("a"))
    chain.connect(a, a, link="async")
    (loop,) = picture(chain).wires

    assert loop.points[0] != loop.points[-1]


# --- frames ---


def grouped(title="Payments", services=("jobs", "pay")):
    chain = orders()
    chain.group(title, services)
    return chain


def test_a_frame_holds_its_cards_whole_with_room_above_them_for_its_title():
    drawn = picture(grouped())
    (frame,) = drawn.frames
    left, top, width, height = frame.box

    assert (frame.name, frame.services) == ("Payments", ("jobs", "pay"))
    for card in (card for card in drawn.cards if card.name in frame.services):
        assert left < card.x - CARD_WIDTH / 2 < card.x + CARD_WIDTH / 2 < left + width
        assert top + 30 < card.y - CARD_HEIGHT / 2 < card.y + CARD_HEIGHT / 2 < top + height


def test_the_box_of_a_picture_holds_its_frames():
    chain = grouped("All", orders().services)
    drawn = picture(chain)
    left, top, width, height = drawn.box
    x, y, inner_width, inner_height = drawn.frames[0].box

    assert left < x
    assert top < y
    assert x + inner_width < left + width
    assert y + inner_height < top + height


def test_a_frame_is_dashed_behind_everything_else_and_says_its_title_and_what_is_in_it():
    elements = list(ET.fromstring(svg(grouped("A & <B>"))))
    frame = elements[2]

    assert frame.find(f"{SVG}title").text == "A & <B>: jobs, pay"
    assert frame.find(f"{SVG}text").text == "A & <B>"
    assert frame.find(f"{SVG}rect").get("stroke-dasharray")
    assert frame.find(f"{SVG}rect").get("fill") == "none"


def test_a_title_wider_than_its_frame_is_cut():
    (frame,) = picture(grouped("x" * 200, ["jobs"])).frames

    assert frame.title.endswith("x…")
    assert 15 < len(frame.title) < 30


def test_a_chain_without_groups_has_the_svg_that_it_had():
    assert 'stroke-dasharray="6 4"' not in svg(orders())
    assert picture(orders()).frames == ()


def test_frames_stand_in_the_order_of_the_groups_and_nobody_elses_name_is_in_them():
    chain = grouped()
    chain.groups = {"Later": ("pay",), "Earlier": ("jobs", "gone"), "Empty": ("gone",)}

    assert [(frame.name, frame.services) for frame in picture(chain).frames] == [
        ("Later", ("pay",)), ("Earlier", ("jobs",)),
    ]  # fmt: skip


# --- layers below each other, and ways back ---

spots = st.tuples(st.integers(-900, 900), st.integers(-900, 900))


@given(spots, spots, st.lists(spots, max_size=3), st.integers(-20, 20))
def test_a_way_down_is_a_way_across_with_the_sides_changed(source, target, lane, shift):
    down = path(source, target, lane, shift, width=CARD_HEIGHT, is_down=True)  # as wide as high
    across = path(source[::-1], target[::-1], [xy[::-1] for xy in lane], shift, width=CARD_HEIGHT)

    assert [point[::-1] for point in down] == [*across]


def test_a_way_back_turns_round_passes_its_lane_and_arrives_from_the_front():
    points = path((620.0, 0.0), (0.0, 0.0), [(620.0, 200.0), (0.0, 200.0)])

    assert points[0] == (620.0 + CARD_WIDTH / 2, 0.0)
    assert points[-1] == (-CARD_WIDTH / 2, 0.0)
    assert (len(points) - 1) % 3 == 0
    assert points[-1][0] > points[-2][0]
    assert max(y for _, y in points) == 200.0


def test_a_wide_card_shows_more_of_its_name():
    name = "a name of thirty characters xx"

    assert len(Card(name, "", "", 0, 0).title) < len(Card(name, "", "", 0, 0, width=250.0).title) < len(name)


def test_words_can_stand_at_a_share_of_a_wire():
    points = path((0.0, 0.0), (0.0, 200.0), is_down=True)

    assert Wire("k", "a", "b", "Next", "", points, said_at=0.0).middle == points[0]
    assert Wire("k", "a", "b", "Next", "", points, said_at=1.0).middle == points[-1]
