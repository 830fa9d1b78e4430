"""Which files are read, and that what is not read is told."""

from pathlib import Path

import pytest

from exporter.preflight.sources.files import Document, Unread, documents


def test_a_file_is_read_whatever_its_name_ends_in(tmp_path: Path) -> None:
    rules = tmp_path / "prometheus.rules"
    rules.write_text("groups: []\n")
    assert list(documents([rules])) == [Document(str(rules), {"groups": []})]


def test_of_a_folder_the_files_that_look_like_documents_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("groups: []\n")
    (tmp_path / "README.md").write_text("text\n")
    (read,) = documents([tmp_path])
    assert isinstance(read, Document)


@pytest.mark.parametrize("name", ["board.json", "board.yaml", "board.png"])
@pytest.mark.parametrize(
    "body", [bytes(range(256)) * 8, "{}".encode("utf-16"), b"\x00" * 10], ids=str
)
def test_what_is_no_text_is_told(tmp_path: Path, name: str, body: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(body)
    (unread,) = documents([file])
    assert isinstance(unread, Unread)
    assert unread.fault == "it is no text in UTF-8; give JSON or YAML"


def test_lines_may_end_as_they_do_on_windows(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"a: 1\r\n---\r\nb: 2\r\n")
    contents = [each.content for each in documents([file]) if isinstance(each, Document)]
    assert contents == [{"a": "1"}, {"b": "2"}]


def test_text_alone_is_no_document(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("upgrade on Monday\n")
    (unread,) = documents([file])
    assert isinstance(unread, Unread)
    assert "it is text alone" in unread.fault


def test_a_folder_without_documents_is_told(tmp_path: Path) -> None:
    (unread,) = documents([tmp_path])
    assert isinstance(unread, Unread)
    assert (
        unread.fault == "it holds no file that ends in .json, .yaml, .yml, .service or .container"
    )


def test_documents_within_a_document_are_read(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("data:\n  rules.yaml: |\n    groups: []\n    ---\n    a: b\n  x: |\n    c\n")
    contents = [each.content for each in documents([path]) if isinstance(each, Document)]
    assert contents[1:] == [{"groups": []}, {"a": "b"}]
    path.write_text("data:\n  rules.yaml: |\n    a: [\n    b\n")
    assert [str(each.place) for each in documents([path]) if isinstance(each, Unread)] == [
        f"{path} (rules.yaml)"
    ]


def test_lines_between_documents_may_end_as_on_windows(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_bytes(b"a: b\r\n---\r\nc: d\r\n")
    assert len(list(documents([path]))) == 2


def test_a_schema_of_resources_is_not_read_through(tmp_path: Path) -> None:
    (tmp_path / "crd.yaml").write_text(
        "apiVersion: v1\n---\nkind: CustomResourceDefinition\nspec: {a: vllm:never}\n"
    )
    contents = [each.content for each in documents([tmp_path]) if isinstance(each, Document)]
    assert contents == [{"apiVersion": "v1"}, {}]


def test_what_tools_keep_in_a_folder_is_not_read(tmp_path: Path) -> None:
    for folder in (".git", "node_modules", ".venv", ".github"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text("a: b\n")
    (read,) = documents([tmp_path])
    assert isinstance(read, Document)
    assert ".github" in read.file
