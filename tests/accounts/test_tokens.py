from __future__ import annotations

import base64
import json
from pathlib import Path

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.accounts.tokens import Session, SignIn, signing_key

KEY = b"k" * 64


def sign_in(now: float = 1000.0, **options: object) -> SignIn:
    values = {"key": KEY, "ttl": 60, **options}
    return SignIn("ann", "secret", clock=lambda: now, **values)  # type: ignore[arg-type]


def test_a_token_lasts_its_time() -> None:
    token = sign_in(1000).issue()
    assert sign_in(1059.9).verify(token) == Session("ann", 1060)
    assert sign_in(1060).verify(token) is None


def test_another_key_or_password_makes_it_worthless() -> None:
    token = sign_in().issue()
    assert sign_in(key=b"other" * 10).verify(token) is None
    assert SignIn("ann", "changed", key=KEY, clock=lambda: 1000.0).verify(token) is None
    assert SignIn("bob", "secret", key=KEY, clock=lambda: 1000.0).verify(token) is None


def test_no_other_algorithm_is_taken() -> None:
    claims = {"sub": "ann", "exp": 2000, "iat": 1000, "cred": sign_in()._credentials()}
    assert sign_in().verify(jwt.encode(claims, KEY, "HS256")) is not None
    assert sign_in().verify(jwt.encode(claims, KEY, "HS512")) is None
    header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert sign_in().verify(f"{header}.{body}.") is None


@pytest.mark.parametrize("missing", ["sub", "exp", "cred"])
def test_every_claim_is_needed(missing: str) -> None:
    claims = {"sub": "ann", "exp": 2000, "cred": sign_in()._credentials()}
    del claims[missing]
    assert sign_in().verify(jwt.encode(claims, KEY, "HS256")) is None


@given(st.text(max_size=200))
def test_any_text_is_refused(token: str) -> None:
    assert sign_in().verify(token) is None


def test_credentials() -> None:
    assert sign_in().check("ann", "secret")
    assert not sign_in().check("ann", "Secret") and not sign_in().check("Ann", "secret") and not sign_in().check("", "")


def test_off_without_a_user() -> None:
    assert not SignIn(None, None).enabled and not SignIn("ann", None).enabled and sign_in().enabled


def test_a_short_passphrase_will_do() -> None:
    assert sign_in(key=b"short").verify(sign_in(key=b"short").issue()) is not None


def test_the_key_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    key = signing_key(path)
    assert len(key) == 64 and signing_key(path) == key
    path.write_bytes(b"cut")
    assert len(signing_key(path)) == 64, "a damaged key is replaced"
