from __future__ import annotations

from cozygen.jobs.bus import EventBus


async def test_listeners_get_their_own_users_notices_in_order() -> None:
    bus = EventBus()
    async with bus.listen("ann") as ann, bus.listen("bob") as bob:
        bus.publish("job", {"n": 1}, user="ann")
        bus.publish("engine", {"n": 2})
        assert [(await ann.next()).data["n"] for _ in range(2)] == [1, 2]
        assert (await bob.next()).data["n"] == 2


async def test_who_comes_back_gets_what_was_missed() -> None:
    bus = EventBus()
    bus.publish("job", {"n": 1})
    seen = bus.last_id
    bus.publish("job", {"n": 2})
    bus.publish("progress", {"n": 3}, keep=False)
    bus.publish("job", {"n": 4})
    missed = bus.since(seen)
    assert missed is not None
    assert [notice.data["n"] for notice in missed] == [2, 4]
    assert bus.since(bus.last_id) == []


async def test_what_cannot_be_resumed_is_said() -> None:
    bus = EventBus(keep=2)
    bus.publish("job", {"n": 1})
    first = bus.last_id
    for n in range(2, 6):
        bus.publish("job", {"n": n})
    assert bus.since(first) is None, "forgotten"
    assert bus.since("other-1") is None, "from before a restart"
    for hostile in ("", "-", "x", f"{first}9999", first.split("-")[0] + "-²", "a-" + "9" * 5000):
        assert bus.since(hostile) is None


async def test_a_listener_that_falls_behind_starts_over() -> None:
    bus = EventBus(listener_limit=3)
    async with bus.listen() as listener:
        for n in range(10):
            bus.publish("job", {"n": n})
        assert listener.overrun
        listener.restart()
        bus.publish("job", {"n": 99})
        assert (await listener.next()).data["n"] == 99
    bus.publish("job", {"n": 100})
