"""URIs without what is secret in them, compared with SQLAlchemy's reading where that reads them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine import URL, make_url

from hmlc_ray.names.uris import has_password, public_uri, without_password

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
NAME = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
DRIVER = st.sampled_from(["postgresql", "postgresql+psycopg2", "mysql+pymysql"])


@given(driver=DRIVER, user=TEXT, password=TEXT, host=NAME, port=st.none() | st.integers(1, 65535), database=NAME)
def test_a_password_that_sqlalchemy_wrote_goes_and_all_else_stays(
    driver: str, user: str, password: str, host: str, port: int | None, database: str
) -> None:
    written = URL.create(driver, user, password, host, port, database)
    uri = written.render_as_string(hide_password=False)
    expected = URL.create(driver, user, None, host, port, database).render_as_string(hide_password=False)
    assert without_password(uri) == expected
    assert public_uri(uri) == URL.create(driver, None, None, host, port, database).render_as_string()
    assert has_password(uri)
    assert not has_password(expected)


@example(user="a", password="@:")
@given(user=NAME, password=st.from_regex(r"[!-~]{1,12}", fullmatch=True).filter(lambda text: "/" not in text))
def test_a_password_as_it_is_typed_is_read_as_sqlalchemy_reads_it(user: str, password: str) -> None:
    """Not escaped, as people type them; a slash ends what SQLAlchemy takes for the login."""
    uri = f"postgresql://{user}:{password}@host/db"
    try:
        read = make_url(uri)
    except ValueError:  # it takes what follows `@:` for a port
        read = None
    if read is not None and read.password is not None and read.host == "host":
        assert without_password(uri) == f"postgresql://{read.username}@{read.host}/{read.database}"
    assert without_password(uri) == f"postgresql://{user}@host/db"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://h/db?password=SECRET", "postgresql://h/db"),
        ("postgresql://u@h/db?sslmode=require&sslpassword=SECRET", "postgresql://u@h/db?sslmode=require"),
        ("s3://b/x?access_key=A&secret_key=SECRET&region=eu", "s3://b/x?region=eu"),
    ],
)
def test_a_password_in_the_query_is_refused_and_never_shown(uri: str, shown: str) -> None:
    assert has_password(uri)
    assert has_password(f"study: {{storage: '{uri}'}}")
    assert without_password(uri) == shown
    assert not has_password(shown)


def test_a_query_without_secrets_is_no_password() -> None:
    assert not has_password("postgresql://u@h/db?sslmode=require&passfile=/etc/pass")
    assert not has_password("see https://example.org/?page=2")
