"""The vault: what the database keeps but cannot read, such as the secrets that codes come from."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DEVELOPMENT_FILE = "console.secret"


class Unsealable(Exception):
    """Sealed with another secret, for another operator, or altered since."""


class Vault:
    """Seals with a key that is derived from a secret of the environment."""

    def __init__(self, secret: str) -> None:
        key = HKDF(SHA256(), length=32, salt=None, info=b"operators' totp").derive(secret.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, text: str, *, operator_id: int) -> bytes:
        """The text, readable with this secret and for this operator only."""
        return self.seal_for(str(operator_id), text)

    def open(self, sealed: bytes, *, operator_id: int) -> str:
        """What was sealed. Raises Unsealable."""
        return self.open_for(str(operator_id), sealed)

    def seal_for(self, owner: str, text: str) -> bytes:
        """The text, readable with this secret and for this owner only: no colon in its name."""
        return self._fernet.encrypt(f"{owner}:{text}".encode())

    def open_for(self, owner: str, sealed: bytes) -> str:
        """What was sealed for this owner. Raises Unsealable."""
        try:
            said, _, text = self._fernet.decrypt(bytes(sealed)).decode().partition(":")
        except InvalidToken as other:
            raise Unsealable("sealed with another secret, or altered") from other
        if said != owner:  # a row's secret copied into another row
            raise Unsealable("sealed for another owner")
        return text


def development_secret(folder: Path) -> str:
    """The secret of this machine, made when it is first asked for; never in production."""
    file = folder / DEVELOPMENT_FILE
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{DEVELOPMENT_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    if not file.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32), encoding="ascii")
        try:
            os.link(draft, file)  # of processes that start together, one makes it, whole
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="ascii")
