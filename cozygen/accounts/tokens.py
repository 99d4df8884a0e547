"""Signing in with the one user that the settings name: passwords compared, tokens made and checked.

A token is a JWT (RFC 7519, HS256). It dies with its time, with the signing key, and with the password: it carries a
keyed hash of the credentials that it was given for.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import jwt

from cozygen.storage.paths import atomic_write

PLACEHOLDER = "change-me"
"""The user name and password of examples, which nobody should keep."""

_ALGORITHM = "HS256"
_MIN_KEY_BYTES = 32


@dataclass(frozen=True)
class Session:
    """Who is signed in, until when (seconds since the epoch)."""

    user: str
    expires: int


class SignIn:
    """Checks credentials and tokens. Sign-in is off without a `user`; then nothing else may be called."""

    def __init__(
        self,
        user: str | None,
        password: str | None,
        *,
        key: bytes = b"",
        ttl: int = 86400,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.user = user or ""
        self.ttl = ttl
        self._password = password or ""
        self._clock = clock
        # HMAC takes any key; PyJWT rightly dislikes short ones, and a passphrase is one.
        self._key = key if len(key) >= _MIN_KEY_BYTES else hashlib.sha256(key).digest()

    @property
    def enabled(self) -> bool:
        """Whether visitors must sign in."""
        return bool(self.user and self._password)

    @property
    def default_credentials(self) -> bool:
        """Whether the user or the password is still the example's."""
        return self.enabled and PLACEHOLDER in (self.user, self._password)

    def check(self, user: str, password: str) -> bool:
        """Whether these are the credentials; takes as long for wrong ones."""
        right_user = hmac.compare_digest(_bytes(user), _bytes(self.user))
        right_password = hmac.compare_digest(_bytes(password), _bytes(self._password))
        return right_user and right_password

    def issue(self) -> str:
        """A token for the user."""
        now = int(self._clock())
        claims = {"sub": self.user, "iat": now, "exp": now + self.ttl, "cred": self._credentials()}
        return jwt.encode(claims, self._key, _ALGORITHM)

    def verify(self, token: str) -> Session | None:
        """Whose token this is; None when it is no valid one."""
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                # Checked below, by our clock.
                options={"require": ["sub", "exp", "cred"], "verify_exp": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            return None
        expires, credentials = claims["exp"], claims["cred"]
        if not isinstance(expires, int) or expires <= self._clock() or claims["sub"] != self.user:
            return None
        if not isinstance(credentials, str) or not hmac.compare_digest(
            _bytes(credentials), self._credentials().encode()
        ):
            return None
        return Session(self.user, expires)

    def _credentials(self) -> str:
        message = _bytes(self.user) + b"\0" + _bytes(self._password)
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:32]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def signing_key(path: Path) -> bytes:
    """The key kept at `path`, made at the first call and readable by this user alone. Blocking. Raises `OSError`."""
    with suppress(FileNotFoundError):
        key = path.read_bytes()
        if len(key) >= _MIN_KEY_BYTES:
            return key
    key = secrets.token_bytes(64)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, key, mode=0o600)
    return key
