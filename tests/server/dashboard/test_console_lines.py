"""Console lines: colours, time stamps and progress bars."""

import pytest

from litsweep.server.dashboard.console_lines import ConsoleLine, plain, shown_lines

ESC = "\x1b"
STAMP = "2026-11-27T10:00:00.123 "


def shown(*lines: str) -> list[ConsoleLine]:
    return shown_lines(lines)


def test_a_line_loses_its_time_stamp() -> None:
    assert shown(f"{STAMP}loss 0.5", f"ERROR {STAMP}boom", "no stamp") == ["loss 0.5", "boom", "no stamp"]


def test_a_structured_line_shows_its_content() -> None:
    lines = ('{"ts":"2026","level":"error","content":"boom"}', "{not json", '{"loss": 1}', '{"content": 1}')
    assert shown(*lines) == ["boom", *lines[1:]]


def test_colours_are_classes_of_the_theme_or_exact() -> None:
    (line,) = shown(f"{STAMP}a {ESC}[1;31mred{ESC}[0m {ESC}[38;5;34mgreen{ESC}[48;2;1;2;3mon{ESC}[m <b>")
    assert line == [
        {"text": "a "},
        {"text": "red", "class": "bold ansi-1"},
        {"text": " "},
        {"text": "green", "color": "#00af00"},
        {"text": "on", "color": "#00af00", "background": "#010203"},
        {"text": " <b>"},
    ]


def test_a_colour_lasts_until_a_code_ends_it() -> None:
    first, second, third = shown(f"{ESC}[32mon", "still", f"{ESC}[39moff")
    assert first == [{"text": "on", "class": "ansi-2"}] and second == [{"text": "still", "class": "ansi-2"}]
    assert third == [{"text": "off"}]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("10%\r50%\r100%", "100%"),
        ("100%\r", "100%"),
        ("long text\rab", "abng text"),
        (f"long text\r{ESC}[Kab", "ab"),
        (f"{ESC}[2K{ESC}[?25hdone{ESC}[A", "done"),
        (f"{ESC}]0;title\x07after{ESC}]8;;http://x{ESC}\\link", "afterlink"),
        (f"a{ESC}[{'9' * 5000}mb", "ab"),
        (f"a{ESC}[38;5mb", "ab"),
        (f"a{ESC}[31mb{ESC}[0mc\rX", "Xbc"),
    ],
)
def test_a_line_is_as_a_terminal_shows_it(line: str, text: str) -> None:
    (found,) = shown(line)
    parts = found if isinstance(found, list) else [{"text": found}]
    assert "".join(part["text"] for part in parts) == plain(line) == text
