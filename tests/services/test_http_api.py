"""HTTP APIs: data out that nobody stated."""

import chainkit as ck

WORDS = ("data out to the internet (response_bytes of its links)",)


def leaving(**options: int) -> list[object]:
    chain = ck.Chain("shop")
    chain.add(ck.HttpApi("api"))
    chain.add(ck.LambdaFunction("page"))
    chain.add(ck.SqsQueue("jobs"))
    chain.connect("api", "page", probability=0.5, **options)
    chain.connect("api", "jobs", probability=0.5, route="POST /jobs")
    return [link for _, link in chain.outgoing("api")]


def test_answers_of_no_stated_size_are_said_to_be_unpriced() -> None:
    api = ck.HttpApi("api")

    assert api.unpriced(leaving()) == WORDS
    assert api.unpriced(leaving(response_bytes=3000)) == ()
    assert api.unpriced(leaving()[1:]) == ()  # a queue gives no answer of its own
