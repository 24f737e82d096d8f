"""What the settings say: wrong ones stop the boot with one sentence (I28), secret ones are never shown (I29)."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from signoff import config
from signoff.errors import BadConfig
from signoff.model import loads
from signoff.ports import Flood

SEED = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
REDIS = {"SIGNOFF_REDIS_URL": "redis://me:s3cret@127.0.0.1:6379/0", "SIGNOFF_SIGNING_KEY": SEED}
SLACK = {"SLACK_BOT_TOKEN": "xoxb-s3cret", "SLACK_SIGNING_SECRET": "s3cret", "SLACK_APP_TOKEN": "xapp-s3cret"}
TEAMS = {"TEAMS_APP_ID": "app", "TEAMS_APP_PASSWORD": "s3cret", "TEAMS_TENANT_ID": "tenant"}


def pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey, password: bytes | None = None) -> str:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how).decode()


ED25519 = ed25519.Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    ("environ", "key", "words"),
    [
        ({"SIGNOFF_POLCY": "x"}, "SIGNOFF_POLCY", "Did you mean SIGNOFF_POLICY?"),
        ({"SIGNOFF_APIKEY": "x"}, "SIGNOFF_APIKEY", "Did you mean SIGNOFF_API_KEY?"),
        ({"SIGNOFF_SOMETHING_ELSE": "x"}, "SIGNOFF_SOMETHING_ELSE", "there is no such setting"),
        ({"SIGNOFF_MODE": "shadows"}, "SIGNOFF_MODE", '"shadows" is not a mode. Use enforce, shadow or off'),
        ({"SIGNOFF_MODE": "Off"}, "SIGNOFF_MODE", "is not a mode"),
        ({"SIGNOFF_PORT": "80a"}, "SIGNOFF_PORT", '"80a" is not a whole number from 0 to 65535'),
        ({"SIGNOFF_PORT": "65536"}, "SIGNOFF_PORT", "is not a whole number"),
        ({"SIGNOFF_PORT": "-1"}, "SIGNOFF_PORT", "is not a whole number"),
        ({"SIGNOFF_PORT": "٨٠"}, "SIGNOFF_PORT", "is not a whole number"),
        ({"SIGNOFF_MAX_BODY": "10"}, "SIGNOFF_MAX_BODY", "from 1024"),
        ({"SIGNOFF_RATE": "0"}, "SIGNOFF_RATE", "from 1"),
        *(
            ({"SIGNOFF_FLOOD": text}, "SIGNOFF_FLOOD", "Write it like 5/10s, or off.")
            for text in ("5", "0/10s", "5/0", "5/10m", "-5/10", "5/ 10", "٥/10", "10001/10", "5/3601s", "never", "OFF")
        ),
        ({**REDIS, "SIGNOFF_REDIS_URL": "http://s3cret"}, "SIGNOFF_REDIS_URL", "not a Redis address"),
        ({**REDIS, "SIGNOFF_REDIS_URL": "127.0.0.1:6379"}, "SIGNOFF_REDIS_URL", "not a Redis address"),
        ({**REDIS, "SIGNOFF_REDIS_URL": "redis://u:s3/cret@h/0"}, "SIGNOFF_REDIS_URL", "not a Redis address"),
        ({**REDIS, "SIGNOFF_REDIS_URL": "redis://[::1"}, "SIGNOFF_REDIS_URL", "not a Redis address"),
        ({**REDIS, "SIGNOFF_REDIS_URL": "redis://h:99999"}, "SIGNOFF_REDIS_URL", "not a Redis address"),
        ({**REDIS, "SIGNOFF_REDIS_URL": "redis://h/one"}, "SIGNOFF_REDIS_URL", "not a Redis address"),
        ({"SIGNOFF_REDIS_URL": "redis://h"}, "SIGNOFF_SIGNING_KEY", "Every replica must sign with the same key"),
        ({"SIGNOFF_SIGNING_KEY": "s3cret"}, "SIGNOFF_SIGNING_KEY", "not an Ed25519 private key"),
        ({"SIGNOFF_SIGNING_KEY": "schlüssel"}, "SIGNOFF_SIGNING_KEY", "not an Ed25519 private key"),
        ({"SIGNOFF_SIGNING_KEY": pem(ED25519)[:60]}, "SIGNOFF_SIGNING_KEY", "damaged"),
        ({"SIGNOFF_SIGNING_KEY": pem(ED25519, b"s3cret")}, "SIGNOFF_SIGNING_KEY", "locked with a password"),
        ({"SIGNOFF_SIGNING_KEY": pem(rsa.generate_private_key(65537, 1024))}, "SIGNOFF_SIGNING_KEY", "not an Ed25519"),
        ({"SIGNOFF_POLICY": "/nowhere/policy.yaml"}, "SIGNOFF_POLICY", "there is no file /nowhere/policy.yaml"),
        ({"SIGNOFF_POLICY": "/"}, "SIGNOFF_POLICY", "there is no file /"),
        ({"SIGNOFF_POLICY": "~nobody-at-all/x"}, "SIGNOFF_POLICY", "there is no file"),
        ({"SIGNOFF_DATA_DIR": "~nobody-at-all/x"}, "SIGNOFF_DATA_DIR", "Set it to a directory of your own"),
        ({"SLACK_BOT_TOKEN": "xoxb-s3cret"}, "SLACK_SIGNING_SECRET", "neither is SLACK_APP_TOKEN"),
        ({"SLACK_SIGNING_SECRET": "s3cret"}, "SLACK_BOT_TOKEN", "although SLACK_SIGNING_SECRET is"),
        ({**SLACK, "SLACK_BOT_TOKEN": "xapp-s3cret"}, "SLACK_BOT_TOKEN", "begins with xoxb-"),
        ({**TEAMS, "TEAMS_APP_ID": ""}, "TEAMS_APP_ID", "it is not set"),
        ({**TEAMS, "TEAMS_APP_PASSWORD": ""}, "TEAMS_APP_PASSWORD", "it is not set"),
        ({**TEAMS, "TEAMS_TENANT_ID": ""}, "TEAMS_TENANT_ID", "TEAMS_APP_TYPE=MultiTenant"),
        ({**TEAMS, "TEAMS_LOGIN_URL": "http://far.example"}, "TEAMS_LOGIN_URL", "https"),
        (
            {"SIGNOFF_TEAMS_ANONYMOUS": "1", "SIGNOFF_HOST": "0.0.0.0"},
            "SIGNOFF_TEAMS_ANONYMOUS",
            "Listen on SIGNOFF_HOST=127.0.0.1",
        ),
        ({"SIGNOFF_TEAMS_ANONYMOUS": "yes"}, "SIGNOFF_TEAMS_ANONYMOUS", "neither 0 nor 1"),
    ],
)
def test_i28_a_wrong_setting_is_one_sentence(environ: dict[str, str], key: str, words: str) -> None:
    """It names the key, the fault and the mend, on one line, and holds nothing secret."""
    with pytest.raises(BadConfig) as caught:
        config.load({name: value for name, value in environ.items() if value})
    sentence = caught.value.sentence
    assert sentence.startswith(f"{key}: ")
    assert words in sentence
    assert "\n" not in sentence
    assert sentence.endswith((".", "?"))
    assert "s3cret" not in sentence


def test_i29_settings_show_nothing_secret() -> None:
    """Not in `repr`, nor where Redis is named for people."""
    settings = config.load({**REDIS, **SLACK, **TEAMS})
    shown = repr(settings) + repr(settings.chats) + settings.redis_shown
    assert "s3cret" not in shown
    assert SEED not in shown
    assert settings.redis_shown == "Redis at redis://127.0.0.1:6379/0"
    assert set(settings.chats) == {"slack", "teams"}


@pytest.mark.parametrize(
    "key", [SEED, SEED.rstrip("="), pem(ED25519), pem(ED25519).replace("\n", "\\n")], ids=["seed", "bare", "pem", "\\n"]
)
def test_a_signing_key_may_be_written_in_four_ways(key: str) -> None:
    """A seed with or without padding, PEM, and PEM on one line as `.env` files have it."""
    settings = config.load({"SIGNOFF_SIGNING_KEY": key})
    assert config.signer(settings).kid


@pytest.mark.parametrize(
    "url",
    [
        "redis://h", "redis://h/", "redis://h:6379/3", "rediss://u:p%2F@h/0", "unix:///run/redis.sock",
        "redis+cluster://h:7000", "redis://h/0?protocol=3",
    ],
)  # fmt: skip
def test_addresses_of_redis(url: str) -> None:
    """Every form that `.env.example` names is taken."""
    assert config.load({"SIGNOFF_REDIS_URL": url, "SIGNOFF_SIGNING_KEY": SEED}).redis_url == url


@pytest.mark.parametrize("mode", ["enforce", "shadow", "off"])
def test_the_server_may_set_the_mode(mode: str) -> None:
    """In place of the policy file's own; unset, the file's holds."""
    assert config.load({"SIGNOFF_MODE": mode}).mode == mode
    assert config.load({}).mode is None


def test_every_chat_and_the_calendar_know_groups() -> None:
    """Each key of the policy names who looks it up: an installed chat or directory; its example fits its pattern."""
    groups = config.groups()
    assert {"slack_usergroup", "entra_group", "teams_team", "calendar"} <= groups.keys()
    assert {group.directory for group in groups.values()} <= {*config.plugins(), *config.directories()}
    assert all(re.fullmatch(group.pattern, group.example) for group in groups.values())


def test_nothing_has_to_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The embedded Redis in the user's own data directory, on loopback, no chats, nobody who may approve."""
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = config.load({})
    assert (settings.host, settings.port, settings.redis_url, settings.policy) == ("127.0.0.1", 8080, None, None)
    assert settings.data_dir == tmp_path / ".local/share/signoff"
    assert settings.chats == {}


# ── the .env file ────────────────────────────────────────────────────────────────────────────────


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with an empty value, which unsets what the file sets."""
    file = tmp_path / ".env"
    file.write_text("SIGNOFF_PORT=1\nSIGNOFF_RATE=2\nSIGNOFF_CHANNEL=slack:#a\nSIGNOFF_HOST\n# SIGNOFF_MAX_OPEN=5\n")
    monkeypatch.setenv("SIGNOFF_PORT", "9")
    monkeypatch.setenv("SIGNOFF_CHANNEL", "")
    environ = config.environment(file)
    assert (environ["SIGNOFF_PORT"], environ["SIGNOFF_RATE"]) == ("9", "2")
    assert not {"SIGNOFF_CHANNEL", "SIGNOFF_HOST", "SIGNOFF_MAX_OPEN"} & environ.keys()


def test_i28_an_env_file_that_is_no_text(tmp_path: Path) -> None:
    """One sentence, with the file's name."""
    file = tmp_path / ".env"
    file.write_bytes(b"SIGNOFF_PORT=\xff\xfe\n")
    with pytest.raises(BadConfig, match=r"\.env: the file cannot be read"):
        config.environment(file)


def test_the_example_names_every_variable_and_no_other() -> None:
    """`.env.example` is what the server reads: all commented out, so that a copy changes nothing."""
    text = (Path(__file__).parents[2] / ".env.example").read_text()
    named = re.findall(r"^#?([A-Z][A-Z_]+)=", text, re.MULTILINE)
    assert sorted(named) == sorted(config.known_variables(config.plugins()))
    assert not re.findall(r"^[A-Z]", text, re.MULTILINE)


# ── the signing key of the embedded default ──────────────────────────────────────────────────────


def test_the_signing_key_is_made_once(tmp_path: Path) -> None:
    """On first start, readable by its owner only; whoever comes later signs with the same one."""
    settings = config.load({"SIGNOFF_DATA_DIR": str(tmp_path / "data")})
    first = config.signer(settings)
    file = tmp_path / "data" / config.SIGNING_KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o600
    assert config.signer(settings).kid == first.kid
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_processes_that_start_together_sign_with_one_key(tmp_path: Path) -> None:
    """Whoever is second takes the key of the first."""
    code = (
        "import sys; from signoff import config; "
        "print(config.signer(config.load({'SIGNOFF_DATA_DIR': sys.argv[1]})).kid)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate()[0] for process in processes}) == 1


@pytest.mark.parametrize("text", ["", "not a key", pem(ED25519)[:50]], ids=["empty", "text", "half a key"])
def test_i28_a_damaged_signing_key_is_never_replaced(tmp_path: Path, text: str) -> None:
    """Another key would make every receipt and seal worthless: the boot stops."""
    settings = config.load({"SIGNOFF_DATA_DIR": str(tmp_path)})
    file = tmp_path / config.SIGNING_KEY_FILE
    file.write_text(text)
    with pytest.raises(BadConfig, match="holds no signing key") as caught:
        config.signer(settings)
    assert caught.value.sentence.startswith("SIGNOFF_DATA_DIR: ")
    assert file.read_text() == text


def test_i28_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """One sentence with the path and the reason."""
    (tmp_path / "file").write_text("")
    settings = config.load({"SIGNOFF_DATA_DIR": str(tmp_path / "file" / "data")})
    with pytest.raises(BadConfig, match="Not a directory") as caught:
        config.signer(settings)
    assert str(tmp_path / "file" / "data") in caught.value.sentence


def test_commands_are_not_slow_to_start() -> None:
    """What an approver types loads neither Redis, nor the policy's language, nor a chat's SDK."""
    code = (
        "import sys, json, signoff.cli.commands; "
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    loaded = loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
    assert isinstance(loaded, list)
    assert not {"redis", "hiredis", "cel", "cryptography", "slack_sdk", "slack_bolt", "botbuilder"} & {*loaded}


@pytest.mark.parametrize(
    ("text", "flood"), [(None, Flood(5, 10)), ("5/10s", Flood(5, 10)), ("20/60", Flood(20, 60)), ("off", None)]
)
def test_i30_flood_control_is_on_and_can_be_set(text: str | None, flood: Flood | None) -> None:
    """Five in ten seconds unless the operator says otherwise."""
    assert config.load({} if text is None else {"SIGNOFF_FLOOD": text}).limits.flood == flood
