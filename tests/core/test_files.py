"""Files that may come from elsewhere end in one line, and in bounded time and memory."""

import os
import socket
from pathlib import Path

import pytest

from lab.core.files import (
    MOST_DEPTH,
    Unreadable,
    read_bytes,
    read_json,
    read_json_lines,
    read_text,
    read_yaml,
    regular,
    write_csv,
    write_whole,
    yaml_text,
)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


def test_sound_files_are_read(tmp_path: Path) -> None:
    assert read_text(written(tmp_path, "año\r\n")) == "año\r\n"
    assert read_json(written(tmp_path, '{"a": [1, null, "\\ud83d\\ude00"]}'), dict) == {"a": [1, None, "😀"]}
    assert read_json(written(tmp_path, nested(MOST_DEPTH)), list)
    assert read_yaml(written(tmp_path, "a: {b: [1, 2]}\nc: null\n")) == {"a": {"b": [1, 2]}, "c": None}
    assert read_yaml(written(tmp_path, "a: &x [1, 2]\nb: *x\n")) == {"a": [1, 2], "b": [1, 2]}
    (tmp_path / "link").symlink_to("file")
    assert regular(tmp_path / "link")


def test_a_file_that_is_not_there_is_no_damaged_one(tmp_path: Path) -> None:
    for read in (regular, read_bytes, read_text, read_yaml, read_json_lines):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "device", "link to a pipe"])
def test_what_is_no_regular_file_is_refused_without_waiting(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("odd")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        os.mkfifo("pipe")
        path.symlink_to("pipe")
    for read in (regular, read_bytes, read_text, read_yaml, read_json_lines):
        with pytest.raises(Unreadable, match=f"{path.name}: is .*not a regular file"):
            read(path)


def test_a_file_larger_than_its_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="holds more than 1 MiB"):
        read_bytes(written(tmp_path, b" " * ((1 << 20) + 1)), limit=1 << 20)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": "\xf1"}', "is no UTF-8 at byte 7"),
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "holds a list, not a mapping"),
        ("null", "holds nothing, not a mapping"),
        ("5", "holds a number, not a mapping"),
        (nested(100_000), "levels deep"),
        ("[" * 100_000, "levels deep"),
        ('{"a": ' * 101 + "1" + "}" * 101, "nests more than 100 levels deep"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
        ('{"a": 1' + "0" * 5000 + "}", "no JSON"),
    ],
)
def test_json_of_another_kind_is_refused_in_one_line(content: str | bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=reason) as refused:
        read_json(written(tmp_path, content), dict)
    assert str(refused.value).startswith("file: ")
    assert str(refused.value).splitlines() == [str(refused.value)]
    str(refused.value).encode()


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    return "\n".join(lines + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' occurs twice"),
        ("a: {b: 1, c: 2, b: 1}\n", "'b' occurs twice"),
        ("5", "holds a number, not a mapping"),
        ("", "holds nothing, not a mapping"),
        ("- a\n", "holds a list"),
        ("5: a\n", "its key 5 is no text"),
        ("a: &a [*a]\n", r"the alias \*a refers to nothing before it, or to itself"),
        ("a: &a {b: &b [*a, *b]}\n", "to itself"),
        (bomb(9), "grows to more than 200,000 values"),
        (f"a: {nested(100)}\n", "levels deep"),
        (f"a: {nested(100_000)}\n", "file: "),
        ("a: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 120)), "levels deep"),
        ("a: [1\n", "no YAML"),
        ("a: 2024-13-45\n", "no YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", "the tag tag:yaml.org,2002:python/object"),
        ("a: !!float x\n", "the tag"),
        ('a: "\\uD800"\n', "file: "),
        ("? [a]\n: 1\n", "no YAML"),
        ("a: 1\n---\nb: 2\n", "no YAML"),
        (b"a: \xff\n", "no UTF-8"),
        ("a: \x00\n", "no YAML"),
    ],
)
def test_yaml_that_is_no_plain_mapping_is_refused_in_one_line(
    content: str | bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(Unreadable, match=reason) as refused:
        read_yaml(written(tmp_path, content))
    assert str(refused.value).splitlines() == [str(refused.value)]


def test_a_line_of_json_ends_at_a_newline_alone(tmp_path: Path) -> None:
    rows = '{"a\u0085b": 1}\n{"a\u2028b": 2, "c": "\x0b\x0c\x1c"}\n'.replace("\x0b\x0c\x1c", "\\u000b")
    assert read_json_lines(written(tmp_path, rows)) == [{"a\u0085b": 1}, {"a\u2028b": 2, "c": "\x0b"}]


@pytest.mark.parametrize("torn", [b'{"a": 2', b'{"a": "\xc3', b"\xff"])
def test_a_torn_last_line_is_left_out(torn: bytes, tmp_path: Path) -> None:
    assert read_json_lines(written(tmp_path, b'{"a": 1}\n' + torn)) == [{"a": 1}]


@pytest.mark.parametrize("line", [b"5", b"", b"[1]", b"{", b'{"a": "\xff"}', nested(2000).encode(), b"NULL"])
def test_a_damaged_line_is_named_by_its_number(line: bytes, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"^file: line 2: "):
        read_json_lines(written(tmp_path, b'{"a": 1}\n' + line + b'\n{"a": 1}\n'))


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029", "\n", "\r", "\x0b", "\x1c", ": ", "#"])
def test_a_text_with_any_line_end_is_read_back_as_it_was(sign: str, tmp_path: Path) -> None:
    tree = {f"kind{sign}old": [f"a{sign}b", f"{sign}", f"a{sign}"], "plain": "año"}
    assert read_yaml(written(tmp_path, yaml_text(tree))) == tree
    assert "plain: año" in yaml_text(tree)


def test_a_write_that_fails_leaves_the_old_file_and_no_scraps(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")

    def torn(aside: Path) -> None:
        aside.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(path, torn)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_a_table_has_the_columns_of_all_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "table.csv", [{"a": 1}, {"b": "x,y", "a": 2}])
    assert (tmp_path / "table.csv").read_text(encoding="utf-8") == 'a,b\n1,\n2,"x,y"\n'
