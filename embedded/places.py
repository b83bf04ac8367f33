"""Where a server's files and sockets can stand so that the user it runs as reaches them."""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

from embedded.spawning import User

# sun_path holds 108 bytes with the closing NUL (unix(7)); macOS has 104.
SOCKET_PATH_LIMIT_BYTES = 103
NOBODY = 65534


def server_user(data: Path) -> User | None:
    """Who runs a server that refuses root: None for ourselves; for root, the owner of `data` where
    it exists already, else nobody."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return User(owner.st_uid, owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return User(NOBODY, NOBODY)
    return User(nobody.pw_uid, nobody.pw_gid)


def can_reach(path: Path) -> bool:
    """Can any user pass through every folder down to this one? (A home of mode 700 says no.)"""
    path = path.resolve()
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def shared_folder(key: Path | str) -> Path:
    """A folder outside every home that belongs to us and that all can pass; the same for the same
    key, and kept over restarts."""
    base = Path("/var/tmp") if Path("/var/tmp").is_dir() else Path(tempfile.gettempdir())
    folder = base / f"lifecircle-{os.geteuid()}-{_short(key)}"
    folder.mkdir(mode=0o711, exist_ok=True)
    _must_be_ours(folder)
    folder.chmod(0o711)
    return folder


def copy_once(source: Path, target: Path) -> None:
    """Copy a folder whole: one that was cut short is copied again, a finished one is left alone."""
    if target.exists():
        return
    half = target.with_name(f"{target.name}.{os.getpid()}.half")
    shutil.copytree(source, half, symlinks=True)
    for folder, _, files in os.walk(half):
        os.chmod(folder, 0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        half.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(half)


def socket_folder(wanted: Path, *, file_name: str, user: User | None) -> Path:
    """`wanted`, or a short folder under the system's temporary one when the socket's path would be
    too long for the kernel; private to the user, and the same on every call."""
    folder = wanted
    if len(os.fsencode(wanted / file_name)) > SOCKET_PATH_LIMIT_BYTES:
        folder = _temporary() / f"lifecircle-{os.geteuid()}-{_short(wanted)}"
    folder.mkdir(mode=0o700, exist_ok=True)
    _must_be_ours(folder, user)
    give_to(folder, user)
    folder.chmod(0o700)
    return folder


def give_to(folder: Path, user: User | None) -> None:
    """Let the server's user own an (empty) folder."""
    if user is not None:
        os.chown(folder, user.uid, user.gid)


def _temporary() -> Path:
    candidates = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    short = [path for path in candidates if len(os.fsencode(path)) <= 40 and path.is_dir()]
    return next((path for path in short if can_reach(path)), candidates[0])


def _must_be_ours(folder: Path, user: User | None = None) -> None:
    """A stranger could have put a folder or a link of that name into the temporary folder first."""
    found = folder.lstat()
    ours = {os.geteuid()} | ({user.uid} if user else set())
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
        raise PermissionError(f"{folder} belongs to somebody else: remove it and start again")


def _short(key: Path | str) -> str:
    return hashlib.sha256(os.fsencode(str(key))).hexdigest()[:12]
