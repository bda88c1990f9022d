"""Who may use the app: people sign in with OpenID Connect. Streamlit does that; here is what it leaves to an app."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
import streamlit as st

from chat import store
from chat.errors import ChatError
from chat.markdown import plain
from chat.session import session
from chat.settings import read_secrets
from server.visitor import COOKIE, SignIn

OF_PROVIDER = ("client_id", "client_secret", "server_metadata_url")
SECRET_CHARS = 32  # who finds out a shorter cookie_secret can come as anybody
COOKIE_SECONDS = 31 * 86400  # for which Streamlit takes its cookie
ENDED = "You have been signed out: sign in again to go on. Your chats are kept, and an answer in progress goes on."
NOT_DONE = "You were not signed in: try again. If it happens again, look at the app's log."
UNDER_AUTH = "DATABASE_URL is under [auth] in .streamlit/secrets.toml: move it above [auth], then restart the app."
UNSENT = "This was not sent, because you had been signed out. Copy it before you sign in:"
REFUSED = "{who} does not have access to this app: sign out to use another account, or ask whoever runs the app."
# Other tabs of a browser in which somebody has signed out show nothing any more, either.
CHANNEL = "(window.signIn ??= new BroadcastChannel('sign-in'))"
LISTEN = f"<script>{CHANNEL}.onmessage = () => location.reload()</script>"
TELL = f"<script>{CHANNEL}.postMessage('ended')</script>"

signed_out = sa.table("signed_out", *map(sa.column, ("sign_in", "time")))


def admit(settings: Mapping[str, Any]) -> None:
    """Draw who is signed in; for anybody else, and for who may not use the app, draw what to do and end the run.

    Raises:
        ChatError: secrets.toml lacks something.
    """
    origin, providers = _read_secrets()
    allowed = [one.lower().removeprefix("@") for one in settings["accounts"]["allowed"]]
    claims: dict[str, Any] = st.user.to_dict() if st.user.get("is_logged_in") else {}
    ends = claims.get("iat", 0) + (settings["accounts"]["sign_in_hours"] * 3600 or COOKIE_SECONDS)
    if "sign_in" not in session():
        session()["sign_in"] = SignIn()
    sign_in: SignIn = session()["sign_in"]
    sign_in.has_ended = partial(_has_ended, claims, ends, allowed)
    who = plain(str(claims.get("name") or claims.get("email") or "An unnamed account"))
    if not sign_in.has_ended():
        place = st.sidebar.container(gap=None)
        place.html(LISTEN, unsafe_allow_javascript=True)
        row = place.container(horizontal=True, vertical_alignment="center")
        row.caption(f"Signed in as {who}", width="stretch")
        row.button("Sign out", "app.sign_out", type="tertiary", on_click=_sign_out, args=(claims,))
        # The browser comes by itself when it is time, and learns that; for longer than a day, it could not count.
        st.fragment(lambda: None, run_every=min(ends - time.time(), 86400) + 1)()
        return
    st.html(TELL, unsafe_allow_javascript=True)
    if claims and not _may_use(claims, allowed):
        st.error(REFUSED.format(who=who))
        st.button("Sign out", "app.sign_out", on_click=_sign_out, args=(claims,))
        st.stop()
    if claims:
        st.warning(ENDED)
    else:
        st.write("Sign in to chat. No other user can see your chats.")
        if COOKIE in st.context.cookies and not st.session_state.get("app.sign_out"):
            st.warning(NOT_DONE)
    if sign_in.unsent:
        st.caption(UNSENT)
        st.code(sign_in.unsent, None, wrap_lines=True)
    if st.context.headers.get("Origin", origin) != origin:
        st.error(f"You can sign in only at {origin}: open the app there.")
        st.stop()
    for number, name in enumerate(providers):
        label = f"Sign in with {plain(name[0].upper() + name[1:])}" if name else "Sign in"
        st.button(label, f"app.sign_in.{number}", type="primary", on_click=st.login, args=(name or None,))
    st.stop()


def _read_secrets() -> tuple[str, list[str]]:
    """Return where the app's page is, and the names of the providers; "" is that of one without a name."""
    read_secrets()  # says it if the file cannot be read
    auth: Any = st.secrets.get("auth", {}) if st.secrets.load_if_toml_exists() else {}
    named = {name: table for name, table in auth.items() if isinstance(table, Mapping) and name != "client_kwargs"}
    providers = named if named and "client_id" not in auth else {"": auth, **named}
    lacks = [name for name in ("redirect_uri", "cookie_secret") if not auth.get(name)]
    for provider, table in providers.items():
        lacks += [f"{provider}.{name}".strip(".") for name in OF_PROVIDER if not table.get(name)]
        lacks += [f"a name without _ for [auth.{provider}]"] if "_" in provider else []
    if 0 < len(str(auth.get("cookie_secret", ""))) < SECRET_CHARS:
        lacks.append(f"a cookie_secret of at least {SECRET_CHARS} characters")
    if any("DATABASE_URL" in table for table in (auth, *auth.values()) if isinstance(table, Mapping)):
        raise ChatError(UNDER_AUTH)
    if lacks:
        what = f"Sign-in is not set up yet: .streamlit/secrets.toml lacks, under [auth], {', '.join(lacks)}."
        raise ChatError(f"{what} README.md says what to put there; then restart the app.")
    address = urlsplit(auth["redirect_uri"].replace("{port}", str(st.get_option("server.port"))))
    default = {"http": ":80", "https": ":443"}.get(address.scheme, "")  # a browser leaves it out
    return f"{address.scheme}://{address.netloc.lower().removesuffix(default)}", [*providers]


def _may_use(claims: Mapping[str, Any], allowed: list[str]) -> bool:
    """Say whether an account's address or its domain is allowed; only one that the provider has verified counts."""
    address = str(claims.get("email")).lower()
    known = claims.get("email_verified") is True and "@" in address
    return not allowed or (known and not {address, address.rpartition("@")[2]}.isdisjoint(allowed))


def _has_ended(claims: Mapping[str, Any], ends: float, allowed: list[str]) -> bool:
    if not claims or time.time() >= ends or not _may_use(claims, allowed):
        return True
    with suppress(ChatError), store.transaction() as db:  # without one, there is nothing to be seen or kept
        return db.scalar(sa.select(signed_out.c.time).where(signed_out.c.sign_in == _key(claims))) is not None
    return False


def _key(claims: Mapping[str, Any]) -> str:
    """Return what names one sign-in, in however many tabs it is used."""
    return sha256(json.dumps([claims.get(name) for name in ("iss", "sub", "iat", "nonce")]).encode()).hexdigest()


def _sign_out(claims: Mapping[str, Any]) -> None:
    """End a sign-in in all tabs, and for whoever has a copy of the cookie."""
    now = time.time()
    with suppress(ChatError), store.transaction() as db:
        db.execute(sa.delete(signed_out).where(signed_out.c.time < now - COOKIE_SECONDS))
        db.execute(sa.insert(signed_out).values(sign_in=_key(claims), time=now))
    st.logout()
