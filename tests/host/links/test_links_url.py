"""Device URLs: kinds, addresses, options, and the options that belong to the session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree.errors import LinkError
from pixeltree.links import open_link, split_session_options
from pixeltree.links.emulator import daemon_options
from pixeltree.links.url import host_and_port, known_options, parse_url, switch, whole_number


@pytest.mark.parametrize(
    ("url", "kind", "address", "query"),
    [
        ("tcp://lab:27900", "tcp", "//lab:27900", ()),
        ("TLS://lab:1?ca=x.pem", "tls", "//lab:1", ("ca=x.pem",)),
        ("unix:///tmp/a[/foo]b#c", "unix", "///tmp/a[/foo]b#c", ()),
        ("serial:socket://h:1?logging=debug", "serial", "socket://h:1", ("logging=debug",)),
        ("usb:1FC9:008A:0042", "usb", "1FC9:008A:0042", ()),
        ("emu:?preset=typical&chip=7", "emu", "", ("preset=typical", "chip=7")),
        ("/dev/ttyACM0", "serial", "/dev/ttyACM0", ()),
        ("./ppa0?baudrate=9600", "serial", "./ppa0", ("baudrate=9600",)),
        ("/dev/serial/by-id/usb-a:b", "serial", "/dev/serial/by-id/usb-a:b", ()),
        ("COM3", "serial", "COM3", ()),
        (r"\\.\COM12", "serial", r"\\.\COM12", ()),
    ],
)
def test_a_url_has_a_kind_an_address_and_options(url, kind, address, query):
    parts = parse_url(url)
    assert (parts.text, parts.kind, parts.address, parts.query) == (url, kind, address, query)


@pytest.mark.parametrize("url", ["", "carrier-pigeon", "COMA", "?baudrate=3"])
def test_what_is_neither_a_kind_nor_a_path_is_no_url(url):
    with pytest.raises(LinkError, match=r"is not a device URL; use tcp://HOST:PORT.* emu: or inproc:"):
        open_link(url, 1)


def test_an_unknown_kind_is_told_the_known_ones():
    with pytest.raises(LinkError, match=r"'pigeon:x' is not a device URL; use tcp://"):
        open_link("pigeon:x", 1)


@pytest.mark.parametrize(
    ("url", "link", "options"),
    [
        ("tcp://lab:27900", "tcp://lab:27900", {}),
        ("tcp://lab:27900?token_file=/etc/ppa", "tcp://lab:27900", {"token_file": "/etc/ppa"}),
        ("emu:?chip=7&token_file=a%26b&memory=1", "emu:?chip=7&memory=1", {"token_file": "a&b"}),
        ("unix:///p?token_file=~/a+b c", "unix:///p", {"token_file": "~/a+b c"}),
        ("tls://h:1?ca=%2Fx&token_file=t", "tls://h:1?ca=%2Fx", {"token_file": "t"}),
        ("COM3?token_file=t", "COM3", {"token_file": "t"}),
        ("carrier-pigeon", "carrier-pigeon", {}),
    ],
)
def test_session_options_come_off_and_leave_the_rest_as_it_was(url, link, options):
    assert split_session_options(url) == (link, options)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("tcp://h:1?token_file=", "'token_file' needs a value"),
        ("tcp://h:1?token_file", "'token_file' needs a value"),
        ("tcp://h:1?token_file=a&token_file=b", "'token_file' is given twice"),
    ],
)
def test_a_session_option_has_one_value(url, message):
    with pytest.raises(LinkError, match=message):
        split_session_options(url)


@given(
    st.text(), st.lists(st.sampled_from(["token_file=t", "chip=7", "x", "a=%41", "=", "ca=?"]), max_size=4)
)
def test_without_session_options_the_options_of_a_url_are_untouched(body, segments):
    url = body.replace("?", "") + "?" + "&".join(segments)
    if segments.count("token_file=t") > 1:
        with pytest.raises(LinkError, match="given twice"):
            split_session_options(url)
        return
    link, options = split_session_options(url)
    assert options == ({"token_file": "t"} if "token_file=t" in segments else {})
    left = [segment for segment in segments if segment != "token_file=t"]
    assert link == body.replace("?", "") + ("?" + "&".join(left) if left else "")
    assert split_session_options(link) == (link, {})


def test_an_unknown_option_is_told_the_known_ones():
    with pytest.raises(LinkError, match="there is no option 'speed'; known: baudrate, rtscts, token_file"):
        known_options(parse_url("serial:x?speed=3"), ("baudrate", "rtscts"))


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("65536", 65536), ("12e6", 12_000_000), ("1.0", 1)])
def test_a_whole_number_may_be_written_like_a_float(text, value):
    assert whole_number(parse_url("emu:"), {"n": text}, "n", default=5) == value


@pytest.mark.parametrize("text", ["-1", "1.5", "inf", "nan", "many", "0x10", "", "²"])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(LinkError, match="emu:: n must be a whole number from 0 on, not"):
        whole_number(parse_url("emu:"), {"n": text}, "n", default=5)


def test_a_switch_is_on_or_off():
    url = parse_url("emu:")
    assert switch(url, {"a": "ON"}, "a")
    assert not switch(url, {"a": "0"}, "a")
    assert not switch(url, {}, "a")
    with pytest.raises(LinkError, match="a must be 'on' or 'off', not 'maybe'"):
        switch(url, {"a": "maybe"}, "a")


@pytest.mark.parametrize("url", ["tcp:", "tcp://h", "tcp://:5", "tcp://h:1/path", "tls:h:1"])
def test_an_address_needs_host_and_port(url):
    with pytest.raises(LinkError, match=r"needs a host and a port, as in t..://127\.0\.0\.1:27900"):
        host_and_port(parse_url(url))


@pytest.mark.parametrize("url", ["tcp://[::1", "tcp://h:99999", "tcp://h:http"])
def test_an_address_that_cannot_be_is_no_url(url):
    with pytest.raises(LinkError, match="is not a device URL"):
        host_and_port(parse_url(url))


def test_an_address_may_be_ipv6():
    assert host_and_port(parse_url("tcp://[::1]:27900")) == ("::1", 27900)


def test_numbers_of_a_preset_are_set_one_by_one():
    url = parse_url("emu:?preset=typical&set=noise=0&set=gain_error=-0.01")
    assert daemon_options(url) == ["--preset=typical", "--set=noise=0", "--set=gain_error=-0.01"]


def test_options_of_a_private_emulator_become_those_of_the_daemon():
    url = parse_url("emu:?preset=typical&chip=7&memory=65536&bps=12e6&seed=1&engine=fast&latency_us=125")
    assert daemon_options(url) == [
        "--preset=typical",
        "--chip=7",
        "--memory-bytes=65536",
        "--bps=12000000",
        "--seed=1",
        "--engine=fast",
        "--latency-us=125",
    ]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "emu:?listen=tcp://0.0.0.0:1",
            "no option 'listen'; known: bps, chip, engine",
        ),
        ("emu:?bps=0", "bps must be a whole number from 1 on, not '0'"),
        ("emu:?chip=x", "chip must be a whole number from 0 on, not 'x'"),
        ("emu://somewhere", "takes no address, only options"),
    ],
)
def test_an_emulator_that_cannot_be_is_not_started(url, message):
    with pytest.raises(LinkError, match=message):
        open_link(url, 1)
