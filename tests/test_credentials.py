"""Credentials of several parts: looked up whole, from one source, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpushopper import clouds, secrets
from gpushopper.clouds import Cloud
from gpushopper.core.secret import Credential, Secret
from gpushopper.secrets import EnvironmentSource, FileSource, FoundKey, KeyIncomplete, KeyUnreadable, NoKey
from tests import toy_cloud
from tests.credentials import VAST, api_key
from tests.toy_cloud import ID, TOKEN

BOTH = {"TOY_ID": ID, "TOY_TOKEN": TOKEN}
WHOLE = Credential.of([("token", TOKEN)], [("id", ID)])


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with toy_cloud.installed(monkeypatch, toy_cloud.install(tmp_path / "site")):
        yield clouds.get("toy")


@pytest.fixture
def file(home: Path) -> Path:
    home.mkdir(mode=0o700)
    return home / "keys.toml"


def write(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o600)


def parts_of(found: object) -> dict[str, str]:
    assert isinstance(found, FoundKey), found
    return {name: found.credential.reveal(name) for name, _ in found.credential.parts}


def test_a_credential_shows_its_id_and_never_its_token():
    for shown in (repr(WHOLE), str(WHOLE), repr(FoundKey(WHOLE, "here"))):
        assert ID in shown and TOKEN not in shown
    assert WHOLE.redactions() == (TOKEN,)
    assert (WHOLE.reveal("id"), WHOLE.reveal("token"), WHOLE.reveal("team")) == (ID, TOKEN, "")
    assert WHOLE == Credential.of([("token", TOKEN)], [("id", ID)]) != Credential.of([("token", "x")], [("id", ID)])


def test_each_part_has_a_variable(toy: Cloud):
    found = EnvironmentSource(BOTH | {"TOY_TEAM": "red"}).lookup(toy)
    assert parts_of(found) == {"id": ID, "token": TOKEN, "team": "red"}
    assert isinstance(found, FoundKey) and found.source == "environment TOY_ID, TOY_TOKEN, TOY_TEAM"
    assert parts_of(EnvironmentSource(BOTH).lookup(toy)) == {"id": ID, "token": TOKEN}
    assert EnvironmentSource({"TOY_ID": " "}).lookup(toy) is None


@pytest.mark.parametrize("held", ["TOY_ID", "TOY_TOKEN", "TOY_TEAM"])
def test_half_a_credential_in_the_environment_names_the_other_half(toy: Cloud, held: str):
    found = EnvironmentSource({held: TOKEN}).lookup(toy)
    assert isinstance(found, KeyIncomplete) and found.code == "key_incomplete"
    missing = {"TOY_ID", "TOY_TOKEN"} - {held}
    assert all(name in found.text and name in found.hint for name in missing)
    assert TOKEN not in found.text + found.hint


def test_two_missing_parts_are_missing(toy: Cloud):
    found = secrets.find_key(toy, [EnvironmentSource({"TOY_TEAM": "red"})])
    assert isinstance(found, KeyIncomplete) and "TOY_ID and TOY_TOKEN are missing: " in found.text


def test_parts_of_two_sources_are_never_put_together(toy: Cloud, file: Path):
    write(file, f'[toy]\nid = "{ID}"\ntoken = "{TOKEN}"\n')
    found = secrets.find_key(toy, [EnvironmentSource({"TOY_ID": "another"}), FileSource(file)])
    assert isinstance(found, KeyIncomplete) and "TOY_TOKEN" in found.text
    assert parts_of(secrets.find_key(toy, [EnvironmentSource({}), FileSource(file)])) == {"id": ID, "token": TOKEN}


def test_half_a_credential_in_the_file_names_the_other_half(toy: Cloud, file: Path):
    write(file, f'[toy]\nid = "{ID}"\n')
    found = secrets.find_key(toy, [FileSource(file), EnvironmentSource(BOTH)])
    assert isinstance(found, KeyIncomplete)
    assert "token in [toy] is missing" in found.text and "keys set toy" in found.hint
    write(file, f'[toy]\nid = "{ID}"\ntoken = "two words"\n')
    wrong = FileSource(file).lookup(toy)
    assert isinstance(wrong, KeyUnreadable) and "token in [toy]" in wrong.text and "two words" not in wrong.text


def test_the_file_takes_a_field_for_each_part_and_keeps_the_rest(toy: Cloud, file: Path):
    write(file, '[vast]\napi_key = "old"\n\n[toy]\n# of the laboratory\nid = "old-id"\nteam = "red"\n')
    secrets.set_key(file, toy, WHOLE)
    assert "# of the laboratory" in file.read_text()
    assert secrets.read_key_file(file) == {"vast": {"api_key": "old"}, "toy": {"id": ID, "token": TOKEN}}
    assert parts_of(FileSource(file).lookup(toy)) == {"id": ID, "token": TOKEN}
    assert secrets.remove_key(file, toy.name) is True
    assert secrets.read_key_file(file) == {"vast": {"api_key": "old"}}


def test_a_keyring_entry_is_plain_for_one_part_and_json_for_several(toy: Cloud):
    """Entries of older versions hold Vast's key as it is."""
    assert secrets.pack(VAST, api_key("k-1")) == Secret("k-1")
    assert secrets.unpack(VAST, Secret("k-1")) == {"api_key": "k-1"}
    assert secrets.unpack(toy, secrets.pack(toy, WHOLE)) == {"id": ID, "token": TOKEN}
    assert secrets.unpack(toy, Secret("neither")) == {} == secrets.unpack(toy, Secret("[1]"))


def test_no_key_says_where_one_is_made_and_what_to_do_then(toy: Cloud):
    found = secrets.find_key(VAST, [EnvironmentSource({})])
    assert isinstance(found, NoKey) and found.text == "no Vast.ai API key"
    assert found.hint == "create one at cloud.vast.ai (Account > Keys), then: gpu-shopper keys set vast"
    assert secrets.find_key(toy, []) == NoKey(
        "no Toy Cloud credentials",
        "create one at toy.example (Developers), then: gpu-shopper keys set toy",
    )
