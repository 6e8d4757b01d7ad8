"""What setup.sh says when a machine lacks something. The installation itself is what `make test` starts with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT

pytestmark = pytest.mark.slow

FILES = ("setup.sh", "pyproject.toml", "constraints.txt")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the set-up reads, without an environment."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    return tmp_path


def setup(where: Path, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "COUNTERSIGN_"))}
    clean |= {"PYTHON": sys.executable, "PIP_CONFIG_FILE": os.devnull, "UV_CACHE_DIR": str(where / "cache")}
    return subprocess.run(["./setup.sh"], cwd=where, env=clean | env, capture_output=True, text=True, check=False)


@pytest.fixture
def with_uv(checkout: Path) -> Path:
    """An environment that has got as far as uv, borrowed from the one that runs the tests."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    own = next(Path(sys.prefix).glob("lib/python*/site-packages"))
    other = next((checkout / ".venv").glob("lib/python*/site-packages"))
    for found in own.glob("uv*"):
        shutil.copytree(found, other / found.name)
    shutil.copy(Path(sys.prefix) / "bin" / "uv", checkout / ".venv" / "bin" / "uv")
    return checkout


def test_too_little_disk(checkout: Path) -> None:
    done = setup(checkout, SETUP_NEED_MB="999999999")
    assert done.returncode == 1
    assert "999999999 MB of disk are needed" in done.stderr
    assert "Make room" in done.stderr
    assert not (checkout / ".venv").exists(), "nothing half done"


def test_python_too_old_or_absent(checkout: Path) -> None:
    done = setup(checkout, PYTHON="no-such-python")
    assert done.returncode == 1
    assert "Python 3.11 to 3.14 is needed and no-such-python does not run" in done.stderr
    old = checkout / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] || exit 1\necho Python 3.9.2\n')
    old.chmod(0o755)
    assert "old-python is Python 3.9.2" in setup(checkout, PYTHON=str(old)).stderr


def test_the_distribution_s_own_python_comes_first_and_is_named(checkout: Path) -> None:
    """What pyenv builds takes up to half as long again: its builds know no profiles."""
    system = Path("/usr/bin/python3")
    usable = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))"
    if not system.exists() or subprocess.run([system, "-c", usable], check=False).returncode:
        pytest.skip("this machine's /usr/bin/python3 is absent, or older or newer than the product takes")
    done = setup(checkout, PYTHON="", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")
    version = subprocess.run([system, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    assert f"virtual environment in .venv, with {version} of {system}" in done.stderr


@pytest.mark.slow
def test_no_network_for_the_first_package(checkout: Path) -> None:
    done = setup(checkout, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")
    assert done.returncode == 1
    assert "the package index cannot be reached. Connect to the network" in done.stderr
    assert "var/setup.log" in done.stderr
    assert not (checkout / ".venv" / "countersign-setup").exists(), "the next start must try again"


@pytest.mark.slow
def test_no_network_later(with_uv: Path) -> None:
    done = setup(with_uv, PIP_INDEX_URL="http://127.0.0.1:9/simple", EXTRAS="postgres", UV_HTTP_RETRIES="0")
    assert done.returncode == 1, done.stderr
    assert "the package index cannot be reached" in done.stderr


@pytest.mark.slow
def test_an_interrupted_first_start_is_begun_again(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "incomplete").touch()
    (checkout / ".venv" / "bin" / "python").symlink_to("/bin/false")
    done = setup(checkout, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")
    assert "virtual environment in .venv" in done.stderr
    assert not (checkout / ".venv" / "incomplete").exists()


def test_nothing_to_do_takes_no_network(with_uv: Path) -> None:
    """The second start: the stamp says that these files were installed already."""
    stamp = with_uv / ".venv" / "countersign-setup"
    fingerprint = subprocess.run(
        ["sh", "-c", "sed -n '/^fingerprint/,/^}/p' setup.sh > f.sh; VENV=.venv; . ./f.sh; fingerprint"],
        cwd=with_uv,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    stamp.write_text(fingerprint + "postgres,train\n")
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    assert setup(with_uv, EXTRAS="train", **offline).returncode == 0
    with (with_uv / "constraints.txt").open("a") as constraints:
        constraints.write("# changed\n")
    changed = setup(with_uv, EXTRAS="postgres", **offline)
    assert changed.returncode == 1
    assert "Installing into .venv" in changed.stderr


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        # the words of uv 0.13.8 and pip 26, as they were seen
        ("error: [Errno 2] No such file or directory: 'gcc'", "Install a compiler"),
        ("error: command '/usr/bin/gcc' failed with exit code 1", "Install a compiler"),
        ("fatal error: Python.h: No such file or directory", "Install a compiler"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("  cause: client error (Connect)\n  cause: error sending request for url (http://x/)", "cannot be reached"),
        ("  cause: invalid peer certificate: UnknownIssuer", "set PIP_CERT to the file of its certificate authority"),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'))",
            "PIP_CERT",
        ),
        ("error: something new", "failed. The last lines were:"),
    ],
)
def test_the_tools_words_are_explained(with_uv: Path, log: str, sentence: str) -> None:
    """A stand-in for uv that fails as the real one did."""
    uv = with_uv / ".venv" / "bin" / "uv"
    uv.unlink()
    uv.write_text(f'#!/bin/sh\ncat <<"END"\n{log}\nEND\nexit 1\n')
    uv.chmod(0o755)
    done = setup(with_uv, EXTRAS="postgres")
    assert done.returncode == 1
    assert sentence in done.stderr


def test_mirrors_and_certificates_named_for_pip_hold_for_uv(with_uv: Path) -> None:
    """A stand-in for uv that tells what it was given."""
    uv = with_uv / ".venv" / "bin" / "uv"
    uv.unlink()
    uv.write_text('#!/bin/sh\necho "$UV_DEFAULT_INDEX $SSL_CERT_FILE $UV_SYSTEM_CERTS" > given\nexit 1\n')
    uv.chmod(0o755)
    setup(with_uv, EXTRAS="postgres", PIP_INDEX_URL="http://mirror/simple", PIP_CERT="/org/root.pem", SSL_CERT_FILE="")
    trusted = "true" if sys.platform == "darwin" or Path("/etc/ssl/certs/ca-certificates.crt").exists() else ""
    assert (with_uv / "given").read_text().split() == [
        "http://mirror/simple",
        "/org/root.pem",
        *filter(None, [trusted]),
    ]


@pytest.mark.slow
def test_the_disk_fills_up(tiny_disk: Path) -> None:
    for name in FILES:
        shutil.copy(ROOT / name, tiny_disk)
    shutil.copytree(ROOT / "scripts", tiny_disk / "scripts")
    done = setup(tiny_disk, SETUP_NEED_MB="1")
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
