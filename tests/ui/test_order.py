"""Which checks of the ordering exercise are answers."""

from diffviz.lessons import content
from diffviz.ui.practice import order


def test_every_order_that_is_checked_is_an_answer_but_the_same_one_twice(monkeypatch):
    item, logged = content.load("order")[0], []
    right = list(range(len(item.stages)))
    swapped = [1, 0, *right[2:]]
    monkeypatch.setattr(order, "order_of", lambda ids, _: ids)
    monkeypatch.setattr(
        order.learner, "log", lambda kind, name, result, turn, key: logged.append((result, turn))
    )
    state = {"order": right, "checked": False, "version": 3}
    for chosen in (right, right, swapped, right):
        state["order"] = chosen
        order._check_order(state, item)
    assert [result for result, _ in logged] == ["right", "partly", "right"]
    assert len({turn for _, turn in logged}) == 3  # no two of them are taken for one
