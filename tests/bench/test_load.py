"""The load benchmark drives the page that it means, or says that it does not: else it would time another one."""

import itertools
from types import SimpleNamespace

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websocket import ABNF

from bench import load
from bench.load import TARGETS, Target, Visitor, WrongPageError

PAGES = {"": "hash of home", "forward": "hash of forward", "reverse": "hash of reverse"}
FORWARD = Target("forward", {}, "Number of steps T", ("10",))


def navigation(slug):
    message = ForwardMsg()
    for path, known in PAGES.items():
        message.navigation.app_pages.add(url_pathname=path, page_script_hash=known)
    message.navigation.page_script_hash = PAGES[slug]
    return message


def control(kind, label, options=()):
    message = ForwardMsg()
    element = getattr(message.delta.new_element, kind)
    element.id, element.label = f"id of {label}", label
    element.options.extend(options)
    return message


def exception():
    message = ForwardMsg()
    message.delta.new_element.exception.type = "ValueError"
    return message


def finished(status=load.WHOLE_RUN):
    message = ForwardMsg()
    message.script_finished = status
    return message


WHOLE = (navigation("forward"), control("slider", "Number of steps T"), finished())


class Socket:
    """A server's end: each rerun is answered with the next of some answers, the last of them for ever."""

    def __init__(self, *answers):
        self.answers, self.waiting, self.received = (
            itertools.chain(answers, itertools.repeat(answers[-1])),
            [],
            [],
        )

    def send_binary(self, data):
        message = BackMsg()
        message.ParseFromString(data)
        self.received.append(message.rerun_script)
        self.waiting = [m.SerializeToString() for m in next(self.answers)]

    def recv_data_frame(self, control_frame):
        """The next message; where there is none a ping, as from a server that does not answer."""
        assert control_frame
        if not self.waiting:
            return ABNF.OPCODE_PING, None
        return ABNF.OPCODE_BINARY, SimpleNamespace(data=self.waiting.pop(0))

    def close(self):
        pass


def visitor(monkeypatch, *answers, target=FORWARD):
    socket = Socket(*answers)
    monkeypatch.setattr(load.websocket, "create_connection", lambda *_, **__: socket)
    return Visitor(1, target), socket


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((navigation(""), *WHOLE[1:]), "another page"),  # the home page, with a control of the same name
        ((navigation("reverse"), *WHOLE[1:]), "another page"),
        (WHOLE[1:], "another page"),  # it does not say which
        ((WHOLE[0], finished()), "no control"),
        ((WHOLE[0], control("slider", "Number of samples"), finished()), "no control"),
        ((WHOLE[0], exception(), WHOLE[1], finished()), "failed: ValueError"),
        ((*WHOLE[:2], finished(ForwardMsg.FINISHED_WITH_COMPILE_ERROR)), "to its end"),
    ],
)
def test_an_answer_that_is_not_of_the_page_that_is_meant_ends_the_benchmark(monkeypatch, answer, says):
    with pytest.raises(WrongPageError, match=says):
        visitor(monkeypatch, answer)  # at once
    with pytest.raises(WrongPageError, match=says):
        visitor(monkeypatch, WHOLE, WHOLE, answer)[0].rerun()  # later


def test_a_server_that_pings_and_never_answers_ends_the_benchmark(monkeypatch):
    monkeypatch.setattr(load, "PATIENCE", 0.05)
    with pytest.raises(WrongPageError, match="has not run to its end"):
        visitor(monkeypatch, WHOLE[:2])


def test_a_page_is_asked_for_by_its_own_hash_and_not_by_that_of_the_servers_script(monkeypatch):
    session = ForwardMsg()
    session.new_session.page_script_hash = PAGES[""]
    _, socket = visitor(monkeypatch, (session, *WHOLE))
    assert [(r.page_name, r.page_script_hash) for r in socket.received] == [
        ("forward", ""), ("forward", PAGES["forward"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("drawn", "options", "kind", "value"),
    [
        ("slider", (), "double_array_value", [10.0]),
        ("slider", ("10", "25"), "string_array_value", ["10"]),
        ("selectbox", ("10", "25"), "string_value", "10"),
    ],
)
def test_a_control_is_moved_by_a_value_of_the_kind_that_its_page_wants(
    monkeypatch, drawn, options, kind, value
):
    one, socket = visitor(monkeypatch, (WHOLE[0], control(drawn, "Number of steps T", options), finished()))
    one.move()
    (sent,) = socket.received[-1].widget_states.widgets
    assert (sent.id, sent.WhichOneof("value")) == ("id of Number of steps T", kind)
    told = getattr(sent, kind)
    assert (told if kind == "string_value" else [*told.data]) == value


def test_a_control_is_known_by_whole_words(monkeypatch):
    one, _ = visitor(monkeypatch, (WHOLE[0], control("slider", "Number of steps T (10 to 100)"), finished()))
    assert one.found("Number of steps").label.endswith("100)")
    with pytest.raises(WrongPageError, match="no control named “Number of step”"):
        one.found("Number of step")


@pytest.mark.slow
def test_a_page_that_the_server_does_not_have_is_not_timed(server):
    with pytest.raises(WrongPageError, match="another page"):
        Visitor(server.port, Target("no_such_page", {}, "", ()))
    with pytest.raises(WrongPageError, match="no control"):
        Visitor(server.port, Target(TARGETS[0].slug, {}, "No such control", ("1",)))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.slug)
def test_the_benchmarks_own_targets_are_pages_whose_control_takes_the_values(server, target):
    one = Visitor(server.port, target)
    before = one.found(target.control).id
    one.move()
    assert one.found(target.control).id == before
    one.socket.close()
